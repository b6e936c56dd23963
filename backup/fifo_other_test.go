//go:build !unix

package backup

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
