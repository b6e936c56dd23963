//go:build !windows

package platform

import "os"

// SyncDir makes the names in a folder durable: new files, renames, removals.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}
