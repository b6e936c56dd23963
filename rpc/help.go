package rpc

import "context"

// helpMethod is `help`.
func (s *Server) helpMethod() Method {
	return Method{
		Name:    "help",
		Section: SectionControl,
		Summary: "List all commands, or get help for one of them.",
		Params:  []Param{{Name: "command", Type: String, Optional: true, Help: "The command to get help on"}},
		Example: `"getblock"`,
		Handler: func(_ context.Context, r *Request) (any, error) {
			name, err := r.Text(0, "")
			if err != nil {
				return nil, err
			}
			if name == "" {
				return helpList(s.Methods()), nil
			}
			m, ok := s.methods[name]
			if !ok {
				return "help: unknown command: " + name, nil
			}
			return m.help(), nil
		},
	}
}
