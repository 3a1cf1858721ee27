// The Kubernetes provider. Its own command embeds files that only its release makes; this one reads what the module has.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

var version string // set by the linker

func main() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join(filepath.Dir(program), "..", "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	// The mapping to Terraform's names is for `pulumi convert` only.
	provider.Serve("kubernetes", version, schema, nil)
}
