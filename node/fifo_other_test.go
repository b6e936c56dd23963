//go:build !unix

package node

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
