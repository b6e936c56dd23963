package platform

// ForbidCoreDumps does nothing: whether dumps are made is not the process's to
// say here.
func ForbidCoreDumps() error { return nil }
