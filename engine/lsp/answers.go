package lsp

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"runbook/engine"
	"runbook/engine/format"
	"runbook/engine/lazyregexp"
)

var answers = map[string]func(*server, context.Context, *docParams) (any, error){
	"textDocument/didOpen":        (*server).open,
	"textDocument/didChange":      (*server).changed,
	"textDocument/didSave":        (*server).saved,
	"textDocument/didClose":       (*server).closed,
	"textDocument/completion":     (*server).complete,
	"textDocument/hover":          (*server).hover,
	"textDocument/definition":     (*server).definition,
	"textDocument/documentSymbol": (*server).symbols,
	"textDocument/formatting":     (*server).formatting,
	"textDocument/codeAction":     (*server).actions,
}

// ask hands a question over, with the texts that changed since the last one.
func (s *server) ask(ctx context.Context, about engine.About, d *doc, p position) (engine.Answer, error) {
	q := engine.Question{About: about, File: d.file}
	q.Line, q.Column = d.text.fromCursor(p)
	q.Texts = s.held()
	return s.Analyst.Ask(ctx, q)
}

// held are the texts of all that is open.
func (s *server) held() map[string]*string {
	texts := map[string]*string{}
	for _, d := range s.docs {
		text := d.text.String()
		texts[d.file] = &text
	}
	return texts
}

func (s *server) complete(ctx context.Context, p *docParams) (any, error) {
	list := completionList{Items: []completionItem{}}
	d := s.docs[p.Document.URI]
	if d == nil {
		return list, nil
	}
	got, err := s.ask(ctx, engine.AboutCompletions, d, p.Position)
	if err != nil {
		return nil, err
	}
	at := d.text.offset(p.Position)
	for i, c := range got.Completions {
		start := at
		for start > 0 && isPart(d.text.s[start-1], c.Kind) {
			start--
		}
		item := completionItem{
			Label: c.Name, Kind: completionKinds[c.Kind], Detail: c.Detail, SortText: strconv.Itoa(100000 + i),
			TextEdit: &textEdit{span{d.text.position(start), p.Position}, cmp.Or(c.Insert, c.Name)},
		}
		if c.Doc != "" {
			item.Documentation = &markup{"markdown", c.Doc}
		}
		list.Items = append(list.Items, item)
	}
	return list, nil
}

// isPart reports whether a character belongs to the word that a completion
// replaces: of a path, all of it.
func isPart(c byte, kind string) bool {
	return isWord(c) || kind == "file" && c != '"' && c != '\'' && c != '\n'
}

// The numbers are the protocol's.
var completionKinds = map[string]int{
	"method": 2, "function": 3, "builtin": 3, "word": 14, "field": 5, "variable": 6, "module": 9, "argument": 10, "keyword": 14, "file": 17, "effect": 12,
}

func (s *server) hover(ctx context.Context, p *docParams) (any, error) {
	d := s.docs[p.Document.URI]
	if d == nil {
		return nil, nil
	}
	got, err := s.ask(ctx, engine.AboutNote, d, p.Position)
	if err != nil || got.Note == nil {
		return nil, err
	}
	n := got.Note
	return hover{markup{"markdown", n.Text}, span{d.text.place(n.Line, n.Column), d.text.place(n.Line, n.Column+n.Width)}}, nil
}

func (s *server) definition(ctx context.Context, p *docParams) (any, error) {
	d := s.docs[p.Document.URI]
	if d == nil {
		return nil, nil
	}
	got, err := s.ask(ctx, engine.AboutOrigin, d, p.Position)
	if err != nil || got.Origin == nil {
		return nil, err
	}
	return s.locate(*got.Origin)
}

// locate is a spot as the editor says it, in a file that it can open.
func (s *server) locate(spot engine.Spot) (location, error) {
	file := spot.Path
	if spot.Embedded {
		var err error
		if file, err = s.Analyst.Readable(spot.Path); err != nil {
			return location{}, err
		}
	}
	var text *Text
	uri := uriOf(file)
	for _, d := range s.docs {
		if d.file == file {
			uri, text = d.uri, d.text
		}
	}
	if text == nil {
		source, _ := os.ReadFile(file) // without it, columns of a line with signs beyond U+FFFF are a little off
		text = NewText(string(source))
	}
	return location{uri, span{text.place(spot.Line, spot.Column), text.place(spot.Line, spot.Column+spot.Width)}}, nil
}

func (s *server) symbols(ctx context.Context, p *docParams) (any, error) {
	out := []symbol{}
	d := s.docs[p.Document.URI]
	if d == nil {
		return out, nil
	}
	got, err := s.ask(ctx, engine.AboutOutline, d, position{})
	if err != nil {
		return nil, err
	}
	for _, one := range got.Outline {
		detail := one.Detail
		if one.Step > 0 {
			detail = strings.TrimSpace("step " + strconv.Itoa(one.Step) + "  " + detail)
		}
		out = append(out, symbol{
			Name: one.Name, Detail: detail, Kind: symbolKinds[one.Kind],
			Range:          span{d.text.place(one.Line, one.Column), d.text.place(one.Ends, one.EndCol)},
			SelectionRange: span{d.text.place(one.Spot.Line, one.Spot.Column), d.text.place(one.Spot.Line, one.Spot.Column+one.Spot.Width)},
		})
	}
	return out, nil
}

var symbolKinds = map[string]int{"step": 6, "function": 12, "param": 7, "constant": 14}

func (s *server) formatting(_ context.Context, p *docParams) (any, error) {
	edits := []textEdit{}
	d := s.docs[p.Document.URI]
	if d == nil {
		return edits, nil
	}
	before := d.text.String()
	if len(before) > mostSource {
		return nil, &rpcError{codeRequest, d.file + ": larger than 512 KiB"}
	}
	after, err := format.Source(d.file, []byte(before))
	if err != nil {
		return nil, &rpcError{codeRequest, err.Error()} // what is no Starlark is left alone
	}
	for _, e := range udiff.Lines(before, string(after)) {
		edits = append(edits, textEdit{span{d.text.position(e.Start), d.text.position(e.End)}, e.New})
	}
	return edits, nil
}

// mostSource is how large a file may be, as for `runbook fmt`.
const mostSource = 512 << 10

// diagnose is all that `runbook check` says of a file.
func (s *server) diagnose(ctx context.Context, d *doc) []diagnostic {
	out := []diagnostic{}
	got, err := s.ask(ctx, engine.AboutProblems, d, position{})
	if err != nil {
		return append(out, diagnostic{Severity: 1, Code: "load", Source: "runbook", Message: err.Error()})
	}
	for _, p := range got.Problems {
		out = append(out, s.diagnostic(d, p, got.Files))
	}
	return out
}

var (
	placeInText  = lazyregexp.New(`(\S+\.star):(\d+):(\d+)`)
	didYouMean   = lazyregexp.New(`(?m)^did you mean (\w+)\?$`)
	loadedAt     = "loaded at "
	severityCode = map[engine.Severity]int{engine.SeverityError: 1, engine.SeverityWarning: 2}
)

// diagnostic is a problem as the editor shows it. One in a file that this one
// loads stands at the load(), and points to where it is.
func (s *server) diagnostic(d *doc, p engine.Problem, files map[string]engine.Spot) diagnostic {
	out := diagnostic{Severity: severityCode[p.Severity], Code: p.Rule, Source: "runbook", Message: p.Msg}
	if p.Hint != "" {
		out.Message += "\nhint: " + p.Hint
	}
	here := func(name string) bool { spot, ok := files[name]; return ok && !spot.Embedded && spot.Path == d.file }
	name, line, column := p.Place()
	switch {
	case line == 0:
	case here(name):
		_, out.Range = d.text.word(line, column)
	default:
		out.Message = p.Pos + ": " + out.Message
		for _, m := range placeInText().FindAllStringSubmatch(p.Hint, -1) {
			if here(m[1]) && strings.Contains(p.Hint, loadedAt+m[0]) {
				line, _ = strconv.Atoi(m[2])
				column, _ = strconv.Atoi(m[3])
				_, out.Range = d.text.word(line, column)
			}
		}
		s.relate(&out, p.Pos, p.Msg, files)
	}
	for _, m := range placeInText().FindAllStringSubmatch(p.Msg+"\n"+p.Hint, -1) {
		s.relate(&out, m[0], "here", files)
	}
	return out
}

// relate adds the place that a text names.
func (s *server) relate(to *diagnostic, pos, text string, files map[string]engine.Spot) {
	name, line, column := engine.Problem{Pos: pos}.Place()
	spot, ok := files[name]
	if !ok || line == 0 {
		return
	}
	spot.Line, spot.Column = line, column
	if at, err := s.locate(spot); err == nil {
		to.Related = append(to.Related, related{at, text})
	}
}

// actions offer what a hint means, where it names one word.
func (s *server) actions(_ context.Context, p *docParams) (any, error) {
	out := []codeAction{}
	d := s.docs[p.Document.URI]
	if d == nil {
		return out, nil
	}
	for _, found := range p.Context.Diagnostics {
		m := didYouMean().FindStringSubmatch(strings.ReplaceAll(found.Message, "hint: ", ""))
		line, column := d.text.fromCursor(found.Range.Start)
		word, at := d.text.word(line, column)
		if found.Source != "runbook" || m == nil || word == "" || !isWord(word[0]) || engine.Nearest(word, []string{m[1]}) == "" {
			continue
		}
		action := codeAction{Title: "Change " + word + " to " + m[1], Kind: "quickfix", Diagnostics: []diagnostic{found}, IsPreferred: true}
		action.Edit.Changes = map[string][]textEdit{d.uri: {{at, m[1]}}}
		out = append(out, action)
	}
	return out, nil
}
