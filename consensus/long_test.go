//go:build long

package consensus

func init() { longTests = true }
