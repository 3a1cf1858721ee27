// Reads YAML as Go programs do, for tests/infra/render/test_yaml_text.py.
//
// Standard input has one YAML document a line, as a JSON string. Standard output gets one line of JSON each:
//
//	kubernetes  the document through sigs.k8s.io/yaml, as kubectl, Helm and Argo CD read it (YAML 1.1 to JSON)
//	v3          the document through gopkg.in/yaml.v3, with types: numbers are {"int": "1"} and {"float": "1.5"}
//	error       what either of them says about a document it cannot read
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	yamlv3 "gopkg.in/yaml.v3"
	kubernetes "sigs.k8s.io/yaml"
)

type answer struct {
	Kubernetes json.RawMessage `json:"kubernetes,omitempty"`
	V3         any             `json:"v3,omitempty"`
	Error      string          `json:"error,omitempty"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var document string
		if err == nil {
			err = json.Unmarshal(line, &document)
		}
		if err == nil {
			err = out.Encode(read([]byte(document)))
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

func read(document []byte) answer {
	asJSON, err := kubernetes.YAMLToJSONStrict(document)
	if err != nil {
		return answer{Error: "sigs.k8s.io/yaml: " + err.Error()}
	}
	var value any
	if err := yamlv3.Unmarshal(document, &value); err != nil {
		return answer{Error: "yaml.v3: " + err.Error()}
	}
	return answer{Kubernetes: asJSON, V3: typed(value)}
}

func typed(value any) any {
	switch value := value.(type) {
	case string, bool:
		return value
	case float64:
		return map[string]string{"float": strconv.FormatFloat(value, 'g', -1, 64)}
	case int, int64, uint64:
		return map[string]string{"int": fmt.Sprint(value)}
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = typed(item)
		}
		return map[string]any{"list": items}
	case map[string]any:
		fields := make(map[string]any, len(value))
		for key, field := range value {
			fields[key] = typed(field)
		}
		return map[string]any{"mapping": fields}
	default:
		return map[string]string{"other": fmt.Sprintf("%T %v", value, value)}
	}
}
