package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// quoted is a name as SQL takes it, whatever it holds.
func quoted(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// from is the table itself, under the name t.
func from(table *Table) string {
	return quoted(table.Schema) + "." + quoted(table.Name) + " as t"
}

// ofTable is a column of the table t.
func ofTable(name string) string {
	return "t." + quoted(name)
}

// rowMaxBytes: a row whose columns take more where they are stored is not read.
const rowMaxBytes = 8 << 20

// fetchSQL gets the rows of some keys; $1, $2 and so on are lists of the texts of each column of the key.
// Before the columns stand the place of the key, and whether the row is small enough to be read.
func fetchSQL(table *Table) string {
	selected := []string{"k.n", "s.fits"}
	sizes := []string{"0::pg_catalog.int8"}
	for at := range table.Columns {
		column := &table.Columns[at]
		if !table.isWide(column) {
			selected = append(selected, ofTable(column.Name))
			continue
		}
		selected = append(selected, "case when s.fits then "+ofTable(column.Name)+" end")
		sizes = append(sizes, "coalesce(pg_catalog.pg_column_size("+ofTable(column.Name)+"), 0)")
	}
	var lists, names, same []string
	for at, name := range table.Key {
		lists = append(lists, fmt.Sprintf("pg_catalog.unnest($%d::%s[])", at+1, table.column(name).SQL))
		names = append(names, fmt.Sprintf("p%d", at))
		same = append(same, fmt.Sprintf("%s = k.p%d", ofTable(name), at))
	}
	// Without the offset the sum would be made again for each column.
	fits := fmt.Sprintf("(select %s <= %d as fits offset 0) as s", strings.Join(sizes, " + "), rowMaxBytes)
	return fmt.Sprintf("select %s\nfrom rows from (%s) with ordinality as k(%s)\njoin %s on %s\ncross join lateral %s",
		strings.Join(selected, ", "), strings.Join(lists, ", "), strings.Join(append(names, "n"), ", "),
		from(table), strings.Join(same, " and "), fits)
}

// narrow are types whose values are small, whatever they are.
var narrow = map[string]bool{
	"bigint": true, "date": true, "inet": true, "interval": true, "time without time zone": true, "uuid": true,
}

// isWide says whether a value can be large. Parts of a key cannot, or they would be none.
func (t *Table) isWide(column *Column) bool {
	switch column.Codec {
	case Boolean, Number, Timestamp, TimestampTZ:
		return false
	default:
		return !narrow[column.SQL] && !contains(t.Key, column.Name)
	}
}

// castSQL tells whether texts can be cast to the types of the key: it fails when one cannot.
func castSQL(table *Table) string {
	var casts []string
	for at, name := range table.Key {
		casts = append(casts, fmt.Sprintf("$%d::%s", at+1, table.column(name).SQL))
	}
	return "select " + strings.Join(casts, ", ")
}

// params are the parameters of a statement, as texts.
type params struct {
	values [][]byte
}

// add adds one, and gives its place, such as $3.
func (p *params) add(value string) string {
	p.values = append(p.values, []byte(value))
	return "$" + strconv.Itoa(len(p.values))
}

// arrayOf is a list of texts as the server reads it.
func arrayOf(texts []string) []byte {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	elements := make([]string, len(texts))
	for at, text := range texts {
		elements[at] = `"` + escape.Replace(text) + `"`
	}
	return []byte("{" + strings.Join(elements, ",") + "}")
}

var literal = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// literalPattern is a text as a pattern of like that stands for itself.
func literalPattern(text string) string {
	return literal.Replace(text)
}
