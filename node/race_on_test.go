//go:build race

package node

// raceDetector says that the tests run under it, where a signature check takes
// fifty times as long.
const raceDetector = true
