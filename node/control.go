package node

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/rpc"
)

// coreVersion is the version of Bitcoin Core whose interface this is: clients
// look at it to know which fields to expect.
const coreVersion = 280100

// registerControl adds the methods about the process.
func (h *Host) registerControl(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "stop", Section: rpc.SectionControl, Summary: "Stops the chain: the host ends, and so do all processes that are attached to it.",
		Handler: func(context.Context, *rpc.Request) (any, error) {
			h.stop(true)
			return "lode stopping", nil
		},
	})
	s.Register(rpc.Method{
		Name: "uptime", Section: rpc.SectionControl, Summary: "Returns for how many seconds this host has been running.",
		Handler: func(context.Context, *rpc.Request) (any, error) { return int64(h.now().Sub(h.started).Seconds()), nil },
	})
	s.Register(rpc.Method{
		Name: "getrpcinfo", Section: rpc.SectionControl, Summary: "Lists the calls that run, with their time in microseconds.",
		Handler: func(context.Context, *rpc.Request) (any, error) {
			type command struct {
				Method   string `json:"method"`
				Duration int64  `json:"duration"`
			}
			active := []command{}
			for _, a := range h.server.Active() {
				active = append(active, command{a.Method, a.Running.Microseconds()})
			}
			return struct {
				Active []command `json:"active_commands"`
				Log    string    `json:"logpath"`
			}{active, filepath.Join(h.dir, logName)}, nil
		},
	})
}

// registerNetwork adds the methods about the network and its addresses.
func (h *Host) registerNetwork(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "getnetworkinfo", Section: rpc.SectionNetwork, Summary: "Returns what there is to say about connections to peers: there are none.",
		Handler: h.getNetworkInfo,
	})
	s.Register(rpc.Method{
		Name: "validateaddress", Section: rpc.SectionUtil, Summary: "Tells whether a text is an address of this network, and of what kind.",
		Params: []rpc.Param{{Name: "address", Type: rpc.String, Help: "The text"}}, Example: `"bcrt1q..."`, Handler: h.validateAddress,
	})
}

func (h *Host) getNetworkInfo(context.Context, *rpc.Request) (any, error) {
	policy := h.pool.Info(h.now()).Policy
	return struct {
		Version         int        `json:"version"`
		Subversion      string     `json:"subversion"`
		ProtocolVersion int        `json:"protocolversion"`
		Services        string     `json:"localservices"`
		ServiceNames    []string   `json:"localservicesnames"`
		LocalRelay      bool       `json:"localrelay"`
		TimeOffset      int        `json:"timeoffset"`
		Active          bool       `json:"networkactive"`
		Connections     int        `json:"connections"`
		In              int        `json:"connections_in"`
		Out             int        `json:"connections_out"`
		Networks        []struct{} `json:"networks"`
		RelayFee        rpc.Amount `json:"relayfee"`
		IncrementalFee  rpc.Amount `json:"incrementalfee"`
		Local           []struct{} `json:"localaddresses"`
		Warnings        []string   `json:"warnings"`
	}{
		Version: coreVersion, Subversion: "/lode:" + h.config.Version + "/", ProtocolVersion: 70016,
		Services: "0000000000000000", ServiceNames: []string{}, Networks: []struct{}{},
		RelayFee: rpc.Amount(policy.MinRelayFee), IncrementalFee: rpc.Amount(policy.IncrementalRelayFee),
		Local: []struct{}{}, Warnings: []string{},
	}, nil
}

func (h *Host) validateAddress(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(text, h.params)
	if err != nil {
		invalid := struct {
			Valid     bool   `json:"isvalid"`
			Locations []int  `json:"error_locations"`
			Error     string `json:"error"`
		}{Locations: []int{}, Error: err.Error()}
		var why *address.Error
		if errors.As(err, &why) {
			invalid.Error = why.Message
			invalid.Locations = append(invalid.Locations, why.Locations...)
		}
		return invalid, nil
	}
	canonical, _ := address.Encode(script, h.params)
	valid := validAddress{Valid: true, Address: canonical, addressFacts: factsOf(script)}
	return valid, nil
}

type validAddress struct {
	Valid   bool   `json:"isvalid"`
	Address string `json:"address"`
	addressFacts
}

// addressFacts are what an address' script tells (Core's DescribeAddress);
// getaddressinfo has them too.
type addressFacts struct {
	ScriptPubKey   string `json:"scriptPubKey"`
	IsScript       bool   `json:"isscript"`
	IsWitness      bool   `json:"iswitness"`
	WitnessVersion *int   `json:"witness_version,omitempty"`
	WitnessProgram string `json:"witness_program,omitempty"`
}

func factsOf(script []byte) addressFacts {
	f := addressFacts{ScriptPubKey: hex.EncodeToString(script)}
	switch address.KindOf(script) {
	case address.P2SH:
		f.IsScript = true
	case address.P2WSH, address.P2TR, address.P2A:
		f.IsScript, f.IsWitness = true, true
	case address.P2WPKH, address.WitnessUnknown:
		f.IsWitness = true
	}
	if f.IsWitness {
		version := 0
		if script[0] != 0 {
			version = int(script[0]) - 0x50
		}
		f.WitnessVersion, f.WitnessProgram = &version, hex.EncodeToString(script[2:])
	}
	return f
}
