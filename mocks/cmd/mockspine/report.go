package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

const reportHelp = `mockspine report says what the traffic of a running mock showed of the duties
of a consumer. Identifiers are masked. The exit status is 3 when one is violated.
`

// report prints the report of a mock that runs.
func report(ctx context.Context, args []string, out io.Writer, env func(string) string) error {
	fs := flag.NewFlagSet("mockspine report", flag.ContinueOnError)
	manage := fs.String("manage", env("MOCKSPINE_MANAGE"), "`URL` of the management (default: $MOCKSPINE_MANAGE)")
	format := fs.String("format", "", "text, json or html (default: by --out, else text)")
	file := fs.String("out", "", "`file` to write to (default: standard output)")
	if err := parse(fs, reportHelp, args); err != nil {
		return err
	}
	if *manage == "" {
		return fmt.Errorf("%w: --manage is missing", errUsage)
	}
	if *format == "" {
		*format = "text"
		if *file != "" {
			*format = form(*file)
		}
	}
	if _, err := rendered(mocks.Report{}, *format); err != nil {
		return err
	}
	r, err := fetch(ctx, *manage)
	if err != nil {
		return err
	}
	text, err := rendered(r, *format)
	if err != nil {
		return err
	}
	if *file != "" {
		err = os.WriteFile(*file, text, 0o600)
	} else {
		_, err = out.Write(text)
	}
	if err == nil && r.Totals.Violated > 0 {
		return errViolated
	}
	return err
}

// form is that of a file's name.
func form(file string) string {
	ext := strings.TrimPrefix(filepath.Ext(file), ".")
	if ext == "txt" {
		return "text"
	}
	return ext
}

// rendered is a report in a form.
func rendered(r mocks.Report, format string) ([]byte, error) {
	switch format {
	case "text":
		return []byte(r.Text()), nil
	case "json":
		return r.JSON()
	case "html":
		return r.HTML()
	}
	return nil, fmt.Errorf("%w: a report is text, json or html", errUsage)
}

var errManage = errors.New("the management did not answer with a report")

// fetch asks the management.
func fetch(ctx context.Context, manage string) (mocks.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(manage, "/")+"/report?format=json", nil)
	if err != nil {
		return mocks.Report{}, fmt.Errorf("%w: --manage is not a URL", errUsage)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return mocks.Report{}, fmt.Errorf("%w: %w", errManage, err)
	}
	defer func() { _ = response.Body.Close() }()
	var r mocks.Report
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&r) != nil {
		return mocks.Report{}, errManage
	}
	return r, nil
}
