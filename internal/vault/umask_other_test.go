//go:build !unix

package vault

func setUmask(mask int) int { return mask }
