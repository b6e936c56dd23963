package address

import "testing"

func TestNothingYet(t *testing.T) {}
