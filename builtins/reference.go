package builtins

import (
	"fmt"
	"strings"

	"runbook/engine"
)

// Types are the record types that builtins return, in the order of the
// reference.
func Types() []Described {
	return []Described{
		processKind.describe(), threadKind.describe(), signalsKind.describe(), fdKind.describe(), socketKind.describe(), epollKind.describe(),
		pipeKind.describe(), fillKind.describe(), holderKind.describe(), lockKind.describe(), listenerKind.describe(), udsFileKind.describe(),
		segmentKind.describe(), machineKind.describe(), pythonKind.describe(), pythonThreadKind.describe(), frameKind.describe(), taskKind.describe(), taskWaitKind.describe(), sampleKind.describe(), pairKind.describe(), readingKind.describe(), edgeKind.describe(),
		graphKind.describe(), placeKind.describe(), treeKind.describe(), coverageKind.describe(), clearedKind.describe(), endingKind.describe(),
		sparedKind.describe(), plannedKind.describe(), attemptKind.describe(), testKind.describe(), leakKind.describe(), paceKind.describe(), findingKind.describe(), moduleKind.describe(), reachKind.describe(),
		loggingAuditKind.describe(), loggingChainKind.describe(), loggerKind.describe(), loggingHandlerKind.describe(), loggingLevelKind.describe(), loggingHitKind.describe(), pythonFailureKind.describe(),
		repoKind.describe(), submoduleKind.describe(), commitKind.describe(), lackKind.describe(), patchKind.describe(), restorationKind.describe(),
		guardedKind.describe(), bootedKind.describe(), dialledKind.describe(), bareKind.describe(), wireKind.describe(),
		logLineKind.describe(), logFileKind.describe(), logHitsKind.describe(), logScanKind.describe(), exchangeKind.describe(), laneKind.describe(), stretchKind.describe(), backlogKind.describe(), mismatchKind.describe(), requestKind.describe(), learningKind.describe(), learntKind.describe(), logRecordsKind.describe(), recordGroupKind.describe(),
		sourcesKind.describe(), scopeKind.describe(), scopeCallKind.describe(), roundTripKind.describe(), spotKind.describe(), unreadKind.describe(),
		intervalKind.describe(), comparisonKind.describe(), searchKind.describe(),
	}
}

// Reference is the documentation of a table of builtins and of the types that
// they return, as markdown.
func Reference(table []engine.Builtin) string {
	var b strings.Builder
	b.WriteString("# Builtins\n\n" +
		"What a recipe can call. This page is generated from the table in `builtins.go`; `go test ./builtins -update` writes it.\n\n" +
		"`None` is unknown; an empty list or text is known to be nothing. What could not be looked at is an error, which becomes an `unknown` finding.\n\n" +
		index(table))
	for _, f := range table {
		fmt.Fprintf(&b, "\n## %s\n\n%s", f.Name, f.Page())
	}
	b.WriteString("\n# Words\n\nThe language of recipes itself: how a file declares what it is, and says what it found. Beside them stand the words of Starlark, and its modules `json`, `math` and `time`.\n\n" +
		index(engine.Words()))
	for _, f := range engine.Words() {
		fmt.Fprintf(&b, "\n## %s\n\n%s", f.Name, f.Page())
	}
	b.WriteString("\n# Types\n\nEvery value has `source`, from where it was read, and `at`, when; `None` where that means nothing.\n")
	for _, t := range Types() {
		fmt.Fprintf(&b, "\n## type %s\n\n%s\n\n| field | type | |\n|---|---|---|\n", t.Name, t.Doc)
		for _, f := range t.Fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, cell(f.Type), cell(f.Doc))
		}
	}
	return b.String()
}

// index says of each word what it is for.
func index(table []engine.Builtin) string {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	for _, f := range table {
		needs := ""
		if f.Effect != engine.Looks {
			needs = " Needs " + effectName(f) + "."
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s%s |\n", f.Name, anchor(f.Name), cell(f.Summary()), needs)
	}
	return b.String()
}

func effectName(f engine.Builtin) string {
	if f.Effect == engine.Looks {
		return "looks"
	}
	return "**" + string(f.Effect) + "**"
}

// anchor is the fragment that markdown readers give a heading.
func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), ".", "") }

// cell fits a text into a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ")
}
