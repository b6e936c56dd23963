package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deadline = 10 * time.Second

// fixture is a server with a few methods, reached in memory and over TCP.
type fixture struct {
	*Server
	memory *Memory
	client *Client
	url    string // of the TCP listener
	cookie *Cookie
}

func start(t *testing.T, c Config, methods ...Method) *fixture {
	t.Helper()
	f := &fixture{Server: NewServer(c), memory: NewMemory()}
	f.Register(Method{
		Name: "getblockcount", Section: SectionBlockchain, Summary: "Returns the height.",
		Handler: func(context.Context, *Request) (any, error) { return 543, nil },
	})
	f.Register(Method{
		Name: "getblockhash", Section: SectionBlockchain, Summary: "Returns a hash.",
		Params:  []Param{{Name: "height", Type: Number, Help: "The height index"}},
		Example: "1000",
		Handler: func(_ context.Context, r *Request) (any, error) {
			height, err := r.Int(0, 0)
			if err != nil {
				return nil, err
			}
			if height > 543 {
				return nil, CodeInvalidParameter.New("Block height out of range")
			}
			return fmt.Sprintf("hash %d", height), nil
		},
	})
	f.Register(Method{
		Name: "echo", Section: SectionUtil, Summary: "Returns what it is given.",
		Params: []Param{
			{Name: "first", Type: Any, Optional: true},
			{Name: "second|alias", Type: String, Optional: true},
			{Name: "third", Type: Bool, Optional: true},
		},
		Handler: func(_ context.Context, r *Request) (any, error) {
			return map[string]any{
				"args": []json.RawMessage{r.Raw(0), r.Raw(1), r.Raw(2)}, "wallet": r.Wallet, "has": r.HasWallet,
			}, nil
		},
	})
	for _, m := range methods {
		f.Register(m)
	}
	f.Ready()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.cookie, err = WriteCookie(filepath.Join(t.TempDir(), ".cookie"), bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + l.Addr().String()
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := f.Serve(l, Access{Authorize: f.cookie.Authorize}); err != nil {
			t.Error(err)
		}
	})
	wait.Go(func() {
		if err := f.Serve(f.memory, Access{}); err != nil {
			t.Error(err)
		}
	})
	f.client = NewClient(ClientConfig{Dial: f.memory.Dial})
	t.Cleanup(func() {
		f.client.Close()
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		wait.Wait()
	})
	return f
}

// post sends a body over TCP with the cookie; edit may change the request.
func (f *fixture) post(t *testing.T, path, body string, edit func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(cookieUser, f.cookie.password)
	if edit != nil {
		edit(r)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// TestRecordedReplies holds replies to broken and unusual requests against those
// of Bitcoin Core 28.1.
func TestRecordedReplies(t *testing.T) {
	f := start(t, Config{})
	for _, c := range []struct {
		request string
		status  int
		reply   string
	}{
		{`{`, 500, `{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}`},
		{`5`, 500, `{"result":null,"error":{"code":-32700,"message":"Top-level object parse error"},"id":null}`},
		{`[]`, 200, `[]`},
		{`{}`, 400, `{"result":null,"error":{"code":-32600,"message":"Missing method"}}`},
		{`{"method":5}`, 400, `{"result":null,"error":{"code":-32600,"message":"Method must be a string"}}`},
		{`{"method":"getblockcount","params":5}`, 400, `{"result":null,"error":{"code":-32600,"message":"Params must be an array or object"}}`},
		{`{"id":1,"method":"getblockcount","params":{"nosuch":1}}`, 500, `{"result":null,"error":{"code":-8,"message":"Unknown named parameter nosuch"},"id":1}`},
		{
			`[{"method":"getblockcount","id":1},5,{"method":"nosuch","id":2}]`, 200,
			`[{"result":543,"error":null,"id":1},{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":1},{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":2}]`,
		},
		{`{"jsonrpc":"2.0","id":1,"method":"getblockcount"}`, 200, `{"jsonrpc":"2.0","result":543,"id":1}`},
		{`{"jsonrpc":"2.0","id":1,"method":"nosuch"}`, 200, `{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}`},
		{`{"jsonrpc":"2.0","method":"getblockcount"}`, 204, ``},
		{`{"jsonrpc":"2.0","id":1,"method":"getblockhash","params":[99999]}`, 200, `{"jsonrpc":"2.0","error":{"code":-8,"message":"Block height out of range"},"id":1}`},
		{`{"jsonrpc":"3.0","id":1,"method":"getblockcount"}`, 400, `{"result":null,"error":{"code":-32600,"message":"JSON-RPC version not supported"},"id":1}`},
		{`[{"jsonrpc":"2.0","method":"getblockcount"}]`, 204, ``},
		{`{"id":1,"method":"getblockhash","params":{"height":1}}`, 200, `{"result":"hash 1","error":null,"id":1}`},
		{`{"id":1,"method":"getblockhash","params":["x"]}`, 500, `{"result":null,"error":{"code":-3,"message":"Wrong type passed:\n{\n    \"Position 1 (height)\": \"JSON value of type string is not of expected type number\"\n}"},"id":1}`},
		{`{"id":"a","method":"nosuch"}`, 404, `{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":"a"}`},
		{`{"id":null,"jsonrpc":"1.0","method":"getblockcount"}`, 200, `{"result":543,"error":null,"id":null}`},
	} {
		status, reply := f.post(t, "/", c.request, nil)
		want := c.reply
		if want != "" {
			want += "\n"
		}
		if status != c.status || reply != want {
			t.Errorf("%s:\n got %d %s\nwant %d %s", c.request, status, reply, c.status, want)
		}
	}
}

func TestNamedParameters(t *testing.T) {
	f := start(t, Config{})
	for request, want := range map[string]string{
		`{"args":[1],"alias":"x"}`:     `[1,"x",null]`,
		`{"third":true}`:               `[null,null,true]`,
		`{"second":"x","first":[2,3]}`: `[[2,3],"x",null]`,
		`[1,null,false]`:               `[1,null,false]`,
		`{"args":[1],"first":2}`:       `Parameter first specified twice both as positional and named argument`,
		`{"third":true,"third":false}`: `Parameter third specified multiple times`,
		`{"args":[1,"x",true,4]}`:      `echo ( first ) ( second ) ( third )`,
		`[1,2]`:                        `Position 2 (second)`,
		`{"second":7}`:                 `Position 2 (second)`,
	} {
		_, reply := f.post(t, "/", `{"id":1,"method":"echo","params":`+request+`}`, nil)
		if !strings.Contains(strings.ReplaceAll(reply, `\"`, `"`), want) {
			t.Errorf("%s: got %s, want %s", request, reply, want)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	f := start(t, Config{})
	call := `{"id":1,"method":"echo"}`
	for path, want := range map[string]string{
		"/":                 `"has":false,"wallet":""`,
		"/wallet/":          `"has":true,"wallet":""`,
		"/wallet/a%20b%2Fc": `"has":true,"wallet":"a b/c"`,
	} {
		if status, reply := f.post(t, path, call, nil); status != 200 || !strings.Contains(reply, want) {
			t.Errorf("%s: %d %s", path, status, reply)
		}
	}
	if status, reply := f.post(t, "/nosuch", call, nil); status != 404 || reply != "" {
		t.Errorf("unknown path: %d %s", status, reply)
	}
	status, reply := f.post(t, "/", call, func(r *http.Request) { r.Method = http.MethodGet })
	if status != 405 || reply != "JSONRPC server handles only POST requests" {
		t.Errorf("GET: %d %s", status, reply)
	}
}

func TestWhoMayCall(t *testing.T) {
	f := start(t, Config{})
	for name, c := range map[string]struct {
		edit   func(*http.Request)
		status int
	}{
		"cookie":              {nil, 200},
		"no password":         {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong password":      {func(r *http.Request) { r.SetBasicAuth(cookieUser, "x") }, 401},
		"no basic":            {func(r *http.Request) { r.Header.Set("Authorization", "x") }, 401},
		"localhost":           {func(r *http.Request) { r.Host = "localhost:1" }, 200},
		"IPv6 loopback":       {func(r *http.Request) { r.Host = "[::1]:18443" }, 200},
		"foreign host":        {func(r *http.Request) { r.Host = "evil.example:18443" }, 403},
		"host like loopback":  {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403},
		"foreign origin":      {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"hidden origin":       {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"own origin":          {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:18443") }, 200},
		"form of another tab": {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"second origin": {func(r *http.Request) {
			r.Header["Origin"] = []string{"http://localhost", "https://evil.example"}
		}, 403},
	} {
		if status, reply := f.post(t, "/", `{"id":1,"method":"getblockcount"}`, c.edit); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, reply, c.status)
		}
	}
}

func TestCookieFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".cookie")
	c, err := WriteCookie(file, bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	user, password, err := ReadCookie(file)
	if err != nil || !c.Authorize(user, password) {
		t.Errorf("%s:%s: %v", user, password, err)
	}
	later, err := WriteCookie(file, bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadCookie(file); err != nil {
		t.Errorf("the earlier run removed the later run's cookie: %v", err)
	}
	if err := later.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cookie is still there: %v", err)
	}
	if _, err := WriteCookie(file, bytes.NewReader(nil)); err == nil {
		t.Error("a cookie without randomness")
	}
}

func TestBodyLimits(t *testing.T) {
	f := start(t, Config{})
	deep := strings.Repeat("[", 100_000)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"deep":            {deep, 500},
		"deep and closed": {deep + strings.Repeat("]", 100_000), 500},
		"not UTF-8":       {"{\"method\":\"echo\",\"params\":[\"\xff\"]}", 500},
		"big batch":       {"[" + strings.Repeat("5,", MaxBatch) + "5]", 400},
		"huge number":     {`{"method":"getblockhash","params":[1e400]}`, 500},
		"two values":      {`{"method":"echo"} {"method":"echo"}`, 500},
		"brackets in text": {
			`{"method":"echo","params":["` + strings.Repeat("[", 1000) + `"]}`, 200,
		},
	} {
		if status, reply := f.post(t, "/", c.body, nil); status != c.status {
			t.Errorf("%s: %d %.200s, want %d", name, status, reply, c.status)
		}
	}
	// Over these limits the server may close while the client still sends, so a
	// broken connection is an answer too; a served call is not.
	for name, edit := range map[string]func(*http.Request){
		"body": func(r *http.Request) {
			r.ContentLength = MaxBody + 1
			r.Body = io.NopCloser(io.LimitReader(blanks{}, MaxBody+1))
		},
		"body of unknown length": func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(io.LimitReader(blanks{}, MaxBody+1))
		},
		"header": func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 4*MaxHeader)) },
	} {
		r, err := http.NewRequest(http.MethodPost, f.url, strings.NewReader(`{"method":"getblockcount"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(cookieUser, f.cookie.password)
		edit(r)
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			continue
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusRequestEntityTooLarge && reply.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s over the limit: %d", name, reply.StatusCode)
		}
	}
}

type blanks struct{}

func (blanks) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// raw sends bytes over TCP and returns what comes back until the server closes
// or until marker has come.
func (f *fixture) raw(t *testing.T, marker string, parts ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, p := range parts {
			if _, err := io.WriteString(conn, p); err != nil {
				return
			}
		}
	}()
	var got []byte
	chunk := make([]byte, 4096)
	for marker == "" || !bytes.Contains(got, []byte(marker)) {
		n, err := conn.Read(chunk)
		got = append(got, chunk[:n]...)
		if err != nil {
			break
		}
	}
	return string(got)
}

func TestRequestsWithoutHost(t *testing.T) {
	f := start(t, Config{})
	auth := "Authorization: Basic " + basic(cookieUser, f.cookie.password) + "\r\n"
	one := func(id string) string {
		body := `{"id":"` + id + `","method":"getblockcount"}`
		return "POST / HTTP/1.1\r\n" + auth + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	got := f.raw(t, `"id":"third"`, one("first"), one("second"), one("third"))
	if strings.Count(got, "200 OK") != 3 {
		t.Errorf("three requests on one connection: %s", got)
	}
	whole := one("bytes")
	got = f.raw(t, `"id":"bytes"`, strings.Split(whole, "")...)
	if !strings.Contains(got, `"result":543`) {
		t.Errorf("byte by byte: %s", got)
	}
	body := "4\r\n{\"me\r\n1d\r\nthod\":\"getblockcount\",\"id\":9}\r\n0\r\n\r\n"
	got = f.raw(t, `"id":9`, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"+auth+"\r\n"+body)
	if !strings.Contains(got, `"result":543`) {
		t.Errorf("chunked: %s", got)
	}
	got = f.raw(t, "", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}")
	if !strings.HasPrefix(got, "HTTP/1.1 400") {
		t.Errorf("two lengths: %s", got)
	}
	got = f.raw(t, "", strings.Repeat("x", 64<<10))
	if !strings.HasPrefix(got, "HTTP/1.1 4") {
		t.Errorf("no header's end: %.100s", got)
	}
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

func TestHelp(t *testing.T) {
	f := start(t, Config{})
	var list, one, none string
	for method, to := range map[string]*string{"": &list, "getblockhash": &one, "nosuch": &none} {
		if err := f.client.Call(t.Context(), "help", to, method); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(list, "== Blockchain ==\ngetblockcount\ngetblockhash height\n\n== Control ==\nhelp ( command )\n") {
		t.Errorf("list: %s", list)
	}
	if !strings.HasPrefix(one, "getblockhash height\n\nReturns a hash.\n\nArguments:\n1. height    (number, required) The height index\n") ||
		!strings.Contains(one, `{"id":1,"method":"getblockhash","params":[1000]}`) {
		t.Errorf("one: %s", one)
	}
	if none != "help: unknown command: nosuch" {
		t.Errorf("none: %s", none)
	}
}

func TestOwnMethods(t *testing.T) {
	type request struct {
		Wallet string `json:"wallet"`
		Count  int    `json:"count"`
	}
	f := start(t, Config{}, Method{
		Name: "lode_try", Section: SectionLode, Own: true,
		Params: []Param{{Name: "wallet", Type: String}, {Name: "count", Type: Number, Optional: true}},
		Handler: func(_ context.Context, r *Request) (any, error) {
			var v request
			err := r.Object(&v)
			return v, err
		},
	})
	for params, want := range map[string]string{
		`{"wallet":"w","count":2}`:   `{"wallet":"w","count":2}`,
		`[{"wallet":"w","count":2}]`: `{"wallet":"w","count":2}`,
		`[]`:                         `{"wallet":"","count":0}`,
		`{"walet":"w"}`:              `Unknown named parameter walet`,
		`["w"]`:                      `lode_try takes named parameters: wallet, count`,
		`{"count":"x"}`:              `"code":-3`,
	} {
		if _, reply := f.post(t, "/", `{"id":1,"method":"lode_try","params":`+params+`}`, nil); !strings.Contains(reply, want) {
			t.Errorf("%s: %s, want %s", params, reply, want)
		}
	}
	got, err := ask[request](t.Context(), f.client, "lode_try", request{"x", 3})
	if err != nil || got != (request{"x", 3}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRegisterTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a name was registered twice")
		}
	}()
	s := NewServer(Config{})
	s.Register(Method{Name: "help"})
}

func TestReadOnlyNames(t *testing.T) {
	for _, m := range []string{"getblock", "listwallets", "lode_status", "waitfornewblock", "testmempoolaccept"} {
		if !ReadOnly(m) {
			t.Errorf("%s may be repeated", m)
		}
	}
	for _, m := range []string{"getnewaddress", "getrawchangeaddress", "sendtoaddress", "lode_send", "lode_newwallets", "submitblock", "stop", "invalidateblock", "lode_mine"} {
		if ReadOnly(m) {
			t.Errorf("%s must not be repeated", m)
		}
	}
}
