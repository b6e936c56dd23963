// Package pins keeps modules in go.mod until their users are written.
package pins

import (
	_ "charm.land/bubbles/v2/textinput"
	_ "filippo.io/age"
	_ "github.com/btcsuite/btcd/psbt/v2"
	_ "rsc.io/qr"
)
