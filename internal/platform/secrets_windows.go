package platform

import "io/fs"

// Links returns how many names a file has; it is not known here.
func Links(fs.FileInfo) (n uint64, ok bool) { return 0, false }
