package fabric

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// segment makes an IPv4 packet from 10.0.0.1:4660 to 10.0.0.2:22136 with a
// sequence number of 1000 and an acknowledgement of 2000.
func segment(flags byte, payload string) []byte {
	ip := make([]byte, ipHeader+tcpHeader, ipHeader+tcpHeader+len(payload))
	ip[0], ip[9] = 0x45, protocolTCP
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	tcp := ip[ipHeader:]
	copy(tcp, []byte{0x12, 0x34, 0x56, 0x78})
	binary.BigEndian.PutUint32(tcp[4:], 1000)
	binary.BigEndian.PutUint32(tcp[8:], 2000)
	tcp[12], tcp[13] = tcpHeader/4<<4, flags
	return append(ip, payload...)
}

func TestResetFor(t *testing.T) {
	later := segment(flagACK, "")
	later[7] = 1
	datagram := segment(flagACK, "")
	datagram[9] = 17
	tests := map[string]struct {
		packet []byte
		want   string // sequence number, acknowledgement, length and flags.
	}{
		"call":           {segment(flagSYN, ""), "00000000 000003e9 5014"},
		"data":           {segment(flagACK, "select 1"), "000007d0 00000000 5004"},
		"without ack":    {segment(0, "data"), "00000000 000003ec 5014"},
		"reset":          {segment(flagRST|flagACK, ""), ""},
		"later fragment": {later, ""},
		"datagram":       {datagram, ""},
		"short":          {segment(flagSYN, "")[:30], ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reset := resetFor(test.packet)
			if test.want == "" {
				if reset != nil {
					t.Errorf("answered by % x", reset)
				}
				return
			}
			got := hex.EncodeToString(reset[12:24])
			if want := "0a0000020a00000156781234"; got != want {
				t.Errorf("addresses and ports are %s, want %s", got, want)
			}
			want, err := hex.DecodeString(strings.ReplaceAll(test.want, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, reset[24:34]); diff != "" {
				t.Errorf("segment (-want +got):\n%s", diff)
			}
		})
	}
}

// A packet of any shape gives nothing or a packet whose checksums hold.
func FuzzResetFor(f *testing.F) {
	f.Add(segment(flagSYN, ""))
	f.Add(segment(flagACK|flagFIN, "payload"))
	f.Fuzz(func(t *testing.T, ip []byte) {
		if len(ip) < ipHeader {
			return // The switch routes none of these.
		}
		reset := resetFor(ip)
		if reset == nil {
			return
		}
		if sum := checksum(0, reset[:ipHeader]); sum != 0 {
			t.Errorf("the IPv4 checksum is off by %#x", sum)
		}
		if sum := checksum(pseudoHeader(reset), reset[ipHeader:]); sum != 0 {
			t.Errorf("the TCP checksum is off by %#x", sum)
		}
	})
}
