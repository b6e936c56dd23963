package platform

import "net"

// Listen opens the private endpoint of a folder: a loopback port, on which both
// sides prove that they know the Endpoint's secret.
func Listen(string) (net.Listener, Endpoint, error) { return listenLoopback() }
