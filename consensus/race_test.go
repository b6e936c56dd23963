//go:build race

package consensus

func init() { raceDetector = true }
