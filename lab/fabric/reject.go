package fabric

import "encoding/binary"

const (
	tcpHeader   = 20
	protocolTCP = 6

	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// reject answers a TCP segment of a host with a reset from its receiver.
func (f *Fabric) reject(h *host, frame []byte) {
	reset := resetFor(frame[f.medium.header:])
	if reset == nil {
		return
	}
	answer := make([]byte, f.medium.header, f.medium.header+len(reset))
	copy(answer[virtioHeader:], frame[virtioHeader:f.medium.header])
	f.hand(h, append(answer, reset...))
}

// resetFor makes the IPv4 packet that resets the connection of a segment (RFC
// 9293, section 3.10.7.1), or nil where nothing is due: for other protocols,
// for resets and for later fragments.
func resetFor(ip []byte) []byte {
	length := int(ip[0]&0x0f) * 4
	fragment := binary.BigEndian.Uint16(ip[6:8]) & 0x1fff
	if ip[9] != protocolTCP || fragment != 0 || length < ipHeader || len(ip) < length+tcpHeader {
		return nil
	}
	tcp := ip[length:]
	if tcp[13]&flagRST != 0 {
		return nil
	}
	out := make([]byte, ipHeader+tcpHeader)
	addressBack(out, ip)
	segment := out[ipHeader:]
	copy(segment[0:2], tcp[2:4])
	copy(segment[2:4], tcp[0:2])
	segment[12] = tcpHeader / 4 << 4
	if tcp[13]&flagACK != 0 {
		copy(segment[4:8], tcp[8:12])
		segment[13] = flagRST
	} else {
		binary.BigEndian.PutUint32(segment[8:12], binary.BigEndian.Uint32(tcp[4:8])+sequenceLength(tcp))
		segment[13] = flagRST | flagACK
	}
	binary.BigEndian.PutUint16(segment[16:18], checksum(pseudoHeader(out), segment))
	return out
}

// addressBack fills an IPv4 header that returns to the sender of ip.
func addressBack(out, ip []byte) {
	out[0] = 4<<4 | ipHeader/4
	binary.BigEndian.PutUint16(out[2:4], ipHeader+tcpHeader)
	out[8], out[9] = 64, protocolTCP // time to live.
	copy(out[12:16], ip[16:20])
	copy(out[16:20], ip[12:16])
	binary.BigEndian.PutUint16(out[10:12], checksum(0, out[:ipHeader]))
}

// sequenceLength is how many sequence numbers a segment takes.
func sequenceLength(tcp []byte) uint32 {
	n := uint32(max(0, len(tcp)-int(tcp[12]>>4)*4))
	if tcp[13]&flagSYN != 0 {
		n++
	}
	if tcp[13]&flagFIN != 0 {
		n++
	}
	return n
}

// pseudoHeader sums what the checksum of TCP covers of the IPv4 header.
func pseudoHeader(ip []byte) uint32 {
	return sum16(protocolTCP+tcpHeader, ip[12:20])
}

// checksum is the Internet checksum (RFC 1071) of data of even length.
func checksum(start uint32, data []byte) uint16 {
	sum := sum16(start, data)
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func sum16(sum uint32, data []byte) uint32 {
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	return sum
}
