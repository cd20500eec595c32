// Verifies a log and a receipt with the packages of the Go checksum database: golang.org/x/mod/sumdb.
//
//	verify <folder of an export> <vkey> [<receipt>]
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("usage: verify <folder> <vkey> [<receipt>]"))
	}
	dir, vkey := os.Args[1], os.Args[2]
	checkpoint, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	fail(err)
	tree := open(checkpoint, vkey)
	reader := tlog.TileHashReader(tree, exported{dir})
	checkEntries(dir, tree, reader)
	checkProofs(tree, reader)
	if len(os.Args) > 3 {
		checkReceipt(os.Args[3], vkey)
	}
	fmt.Printf("verified %d entries\n", tree.N)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// open gives the tree that a checkpoint is signed for.
func open(checkpoint []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	fail(err)
	signed, err := note.Open(checkpoint, note.VerifierList(verifier))
	fail(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail(errors.New("the note is no checkpoint of this log"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail(err)
	root, err := tlog.ParseHash(lines[2])
	fail(err)
	return tlog.Tree{N: size, Hash: root}
}

// exported reads the tiles of an export; the package puts the height of tiles in their paths, the format does not.
type exported struct{ dir string }

func (e exported) Height() int { return tileHeight }

func (e exported) SaveTiles([]tlog.Tile, [][]byte) {}

func (e exported) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(e.dir, path))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// checkEntries compares each entry with its hash in the tiles, which the reader proves against the root.
func checkEntries(dir string, tree tlog.Tree, reader tlog.HashReader) {
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		entries := bundle(dir, first/256, int(width))
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		hashes, err := reader.ReadHashes(indexes)
		fail(err)
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				fail(fmt.Errorf("entry %d is not the one in the tree", first+int64(i)))
			}
		}
	}
}

func bundle(dir string, index int64, width int) [][]byte {
	path := tlog.Tile{H: tileHeight, L: 0, N: index, W: width}.Path()
	path = strings.Replace(path, "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	fail(err)
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			fail(fmt.Errorf("%s is cut off", path))
		}
		length := int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if len(entries) != width {
		fail(fmt.Errorf("%s has %d entries, not %d", path, len(entries), width))
	}
	return entries
}

// checkProofs makes proofs of the tiles and checks them, over sizes and places that lie unevenly.
func checkProofs(tree tlog.Tree, reader tlog.HashReader) {
	for n := tree.N; n > 0; n = n*2/3 - 1 {
		hash, err := tlog.TreeHash(n, reader)
		fail(err)
		growth, err := tlog.ProveTree(tree.N, n, reader)
		fail(err)
		fail(tlog.CheckTree(growth, tree.N, tree.Hash, n, hash))
		record, err := tlog.ProveRecord(tree.N, n-1, reader)
		fail(err)
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n-1)})
		fail(err)
		fail(tlog.CheckRecord(record, tree.N, tree.Hash, n-1, leaf[0]))
	}
}

// checkReceipt reads a tlog-proof whose extra data are the bytes of the entry.
func checkReceipt(path, vkey string) {
	text, err := os.ReadFile(path)
	fail(err)
	parts := strings.SplitN(string(text), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail(errors.New("the receipt is no tlog-proof"))
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	fail(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	fail(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		fail(err)
		proof = append(proof, hash)
	}
	tree := open([]byte(parts[1]), vkey)
	fail(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}
