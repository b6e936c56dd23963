// Package tools pins the checkers that `make check` runs, in a module of their
// own, so that none of their dependencies reach the program.
package tools
