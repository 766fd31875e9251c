package openapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// guard says which addresses may be called.
type guard struct {
	// words are ranges that are allowed whole.
	words map[string]bool
	// named are networks that are allowed whatever they are, but for metadata.
	named []netip.Prefix
	// namedAlone are those of named that hold one address only.
	namedAlone []netip.Prefix
}

const (
	loopbackRange = "loopback"
	privateRange  = "private"
	reservedRange = "reserved"
	metadataRange = "metadata"
	publicRange   = "public"
)

// ranges are networks by what they are for; the first that holds an address counts. What none holds is
// reserved.
var ranges = []struct {
	name     string
	networks []netip.Prefix
}{
	// Where clouds hand credentials to whoever asks from inside.
	{metadataRange, prefixes(
		"169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "168.63.129.16/32", "100.100.100.200/32",
		"192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128",
	)},
	{loopbackRange, prefixes("127.0.0.0/8", "::1/128")},
	{privateRange, prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")},
	{reservedRange, prefixes(
		"0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	)},
	// What IANA has given out of IPv6 as global unicast; nobody is called by the rest.
	{publicRange, prefixes("0.0.0.0/0", "2000::/3")},
}

// translated is IPv4 behind a translator (RFC 6052), whose last 32 bits are the address called in the end.
var translated = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	var read []netip.Prefix
	for _, text := range texts {
		read = append(read, netip.MustParsePrefix(text))
	}
	return read
}

// newGuard lets public addresses through, and what allow names besides: loopback, private, and networks such
// as 10.1.0.0/16. Addresses at which clouds hand out credentials are called only when they are named alone,
// such as 169.254.169.254. It fails for an entry that is none of these.
func newGuard(allow []string) (*guard, error) {
	made := &guard{words: map[string]bool{}}
	for _, entry := range allow {
		if entry == loopbackRange || entry == privateRange {
			made.words[entry] = true
			continue
		}
		network, err := networkOf(entry)
		if err != nil {
			return nil, fmt.Errorf("%q is no network; write loopback, private or 10.1.0.0/16", entry)
		}
		made.named = append(made.named, network)
		if network.IsSingleIP() {
			made.namedAlone = append(made.namedAlone, network)
		}
	}
	return made, nil
}

func networkOf(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return address.Prefix(address.BitLen())
}

// mayCall says whether an address may be called. Clear text goes only to addresses that are allowed by name
// or word.
func (g *guard) mayCall(address netip.Addr, isClear bool) bool {
	address = plainAddress(address)
	found, named := rangeOf(address), g.named
	if found == metadataRange {
		named = g.namedAlone
	}
	if g.words[found] || holds(named, address) {
		return true
	}
	return found == publicRange && !isClear
}

// plainAddress is, of IPv4 in the clothes of IPv6, mapped or translated, the address of IPv4; without a zone.
func plainAddress(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !translated.Contains(address) {
		return address
	}
	whole := address.As16()
	return netip.AddrFrom4([4]byte{whole[12], whole[13], whole[14], whole[15]})
}

func rangeOf(address netip.Addr) string {
	for _, each := range ranges {
		if holds(each.networks, address) {
			return each.name
		}
	}
	return reservedRange
}

func holds(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

var errClear = errors.New("it is called in clear text and may not be called; allow it in WEIR_OUTBOUND_ALLOW")
var errPrivate = errors.New("it is not public and may not be called; allow it in WEIR_OUTBOUND_ALLOW")

// control looks at the very address that is connected to, whatever a name was resolved to before.
func (g *guard) control(isClear bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return refusedError{address, err}
		}
		found, err := netip.ParseAddr(host)
		switch {
		case err != nil:
			return refusedError{address, err}
		case g.mayCall(found, isClear):
			return nil
		case isClear:
			return refusedError{address, errClear}
		default:
			return refusedError{address, errPrivate}
		}
	}
}

// refusedError says that a request may not be made, or an answer not be followed.
type refusedError struct {
	what string
	err  error
}

func (e refusedError) Error() string { return e.what + ": " + e.err.Error() }

func (e refusedError) Unwrap() error { return e.err }
