package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/iotest"
)

// readerConn is a connection on which a client has sent some bytes and closed.
type readerConn struct {
	net.Conn
	r io.Reader
}

func (c readerConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// FuzzLenientConn checks that a Host header is all that is ever added: without
// it, the bytes are what the client sent, however they arrive.
func FuzzLenientConn(f *testing.F) {
	for _, seed := range []string{
		"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}POST / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"\r\n\r\n\r\n\r\n", "GET", "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		read := func(r io.Reader) []byte {
			got, err := io.ReadAll(&lenientConn{Conn: readerConn{r: r}, closed: func() {}})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		got := read(bytes.NewReader(sent))
		if slow := read(iotest.OneByteReader(bytes.NewReader(sent))); !bytes.Equal(got, slow) {
			t.Fatalf("byte by byte %q, at once %q", slow, got)
		}
		added := bytes.ReplaceAll(got, []byte("Host: localhost\r\n"), nil)
		if original := bytes.ReplaceAll(sent, []byte("Host: localhost\r\n"), nil); !bytes.Equal(added, original) {
			t.Fatalf("sent %q, read %q", sent, got)
		}
		if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent))); err == nil && r.Host != "" && r.URL.Host == "" {
			if first, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(got))); err != nil || first.Host != r.Host {
				t.Fatalf("the host %q became %v, %v", r.Host, first, err)
			}
		}
	})
}

// FuzzParse feeds bodies to everything between the socket and a handler.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"args":[1],"second":"x"}}`, `[{},5,[]]`, `{"method":"echo","params":[[[]]]}`, `"`, `{"a":{`,
	} {
		f.Add([]byte(seed))
	}
	m := &Method{Name: "echo", Params: []Param{{Name: "first", Type: Any, Optional: true}, {Name: "second|alias", Type: String, Optional: true}}}
	own := &Method{Name: "lode_echo", Own: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		if parseBody(body) != nil {
			return
		}
		in := &incoming{id: json.RawMessage("null")}
		if in.parse(body) == nil {
			_ = m.bind(&Request{}, in.params)
			r := &Request{}
			if own.bind(r, in.params) == nil {
				_ = r.Object(&EventsRequest{})
			}
		}
		if reply := in.reply(nil, CodeMisc.New("x")); !json.Valid(reply) {
			t.Fatalf("reply %q", reply)
		}
	})
}
