package console

import (
	"strings"
	"testing"
)

// TestChangedPaymentIsShownAgain: what changed since it was shown is told, and
// nothing is paid before the new one was seen and Enter pressed on it.
func TestChangedPaymentIsShownAgain(t *testing.T) {
	teller := newFakeTeller()
	tries := 0
	teller.pay = func(string) error {
		if tries++; tries == 1 {
			return &ChangedError{Text: "The fee is 0.00000400 now instead of 0.00000282; nothing was sent. This is how it is now."}
		}
		return nil
	}
	d := newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab", "1.5", "enter", "enter")
	quotes := len(teller.quotes)
	if shot := d.shot(); len(teller.pays) != 0 || !strings.Contains(shot, "The fee is 0.00000400 now") || !strings.Contains(shot, "Enter pays this.") {
		t.Fatalf("%d paid, %d quotes\n%s", len(teller.pays), quotes, shot)
	}
	d.press("enter")
	if shot := d.shot(); len(teller.pays) != 1 || !strings.Contains(shot, "Sent.") {
		t.Fatalf("%d paid\n%s", len(teller.pays), shot)
	}
}
