//go:build race

package chain

// raceDetector says that the tests run under it, where a signature check takes
// fifty times as long.
const raceDetector = true
