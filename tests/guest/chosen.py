"""Where a packet through Tandem differs on purpose from the same packet through IPVS: (cases, places, reason).

Patterns are fnmatch's, alternatives separated by " | ". A place is "STEP: FIELD", or "STEP: packets" where the two sent packets of
other kinds or another number of them; of the client's connections "STEP: connection" where one of the two has none, "STEP: state" and
"STEP: timeout". packets.py complains of a line that matches no difference any more.
"""

CHOSEN = [
    # Tunnels
    ("* tun *", "*: ttl", "The outer TTL is the tunnel's own, 64 (RFC 2003, 3.1; RFC 2473, 6.3); IPVS copies the inner one."),
    ("* tun *", "*: id", "With DF set the outer identification says nothing (RFC 6864, 4.1); ours counts."),
    ("tcp* tun a connection", "urgent, ecn: tos", "ECN's CE is copied outside (RFC 6040, 4.1); IPVS writes ECT(0), as RFC 3168 had it."),
    ("tcp6 tun a connection", "flow label: flow label",
     "The client's flow label is copied outside, so that routers that spread by it see one flow (RFC 6438, 3); IPVS writes 0."),
    ("* tun larger than*", "without df: packets | a byte more: packets",
     "A packet without DF is cut before it is put into the tunnel, so that the server's kernel puts nothing together twice; IPVS cuts the outer one."),
    ("udp* tun fragments*", "all: packets", "Each part goes into the tunnel as it came; IPVS puts the datagram together, encapsulates it and cuts the outer packet."),
    ("udp tun router's fragmentation needed", "*: rest", "The client is told what the router said; IPVS tells the old MTU of its own route once more."),
    ("udp tun router's time exceeded", "*: packets",
     "The outer TTL is ours and not the client's, so what died of it is, to the client, a host that cannot be reached."),
    ("udp6 tun router's *", "all quoted: packets", "The client is told what became of its packet (RFC 2473, 8); IPVS keeps errors about its IPv6 tunnels to itself."),

    # What the director itself says
    ("*", "*ttl 1: id | *ttl 1: df | first: id | first: df | *with df: id | *with df: df | *a byte more: id | *a byte more: df | *quoted: df | *quoted: id",
     "What the director makes has DF set and the identification 0 (RFC 6864, 4.1)."),
    ("*6 *", "*ttl 1: flow label | first: flow label | *with df: flow label | *a byte more: flow label", "What the director makes has no flow label (RFC 6437, 3)."),
    ("tcp6 * out of nowhere *", "*: flow label", "So do its resets."),
    ("* larger than*", "*: quoted ttl", "The packet is quoted as it came; the kernel quotes it with the TTL already lowered (RFC 1812, 4.3.2.3 allows both)."),
    ("icmp echo | udp a port of the vip that is no service | esp *", "*: id", "Both are the kernel's own answers, whose identification is random."),

    # NAT's details
    ("udp* nat a question", "*without a checksum: checksum error", "A datagram without a checksum stays one (RFC 768, RFC 6935); IPVS computes one."),
    ("udp* nat client's port unreachable | udp* nat server's *", "*: quoted bytes | *: quoted checksum error",
     "The checksum of the quoted datagram is put right as well; IPVS leaves it as it was before the translation."),
    ("sctp* nat an association", "bad checksum: checksum error", "What came in broken goes out broken; IPVS makes it look whole."),
    ("udp* once nat a question", "answer: source | answer: source port", "Answers come from the VIP; IPVS knows no flow and lets the server's own address through."),

    # ICMP that is relayed or not
    ("* client's parameter problem", "*quoted: packets", "A parameter problem is told to the server; IPVS relays only the types 3, 4 and 11."),
    ("udp nat server's parameter problem", "*quoted: source | *quoted: quoted destination | *quoted: quoted ports",
     "The same to the client, translated; IPVS's director forwards it untouched, with the server's own address in it."),
    ("udp* dr client's port unreachable | udp* tun client's port unreachable", "a bad checksum: packets",
     "An error whose checksum is wrong is dropped for every method; IPVS looks at it with NAT alone."),
    ("* client's source quench", "*quoted: packets", "Source quench is deprecated and ignored (RFC 6633)."),
    ("* client's error of no known type", "*quoted: packets", "Errors of the four types that there are (RFC 4443) are relayed; IPVS relays all 127."),

    # What no flow knows
    ("tcp* out of nowhere syn-ack | tcp* out of nowhere syn-fin", "*: packets | *: connection",
     "Only a SYN by itself opens a connection; the others are reset. IPVS forwards whatever has SYN."),
    ("* nat answer out of nowhere", "*: packets", "What a NAT server sends to nobody we know is dropped; the kernel beneath IPVS forwards it with the server's own address."),
    ("sctp* out of nowhere *", "*: packets", "Answered by ABORT, or not at all where RFC 9260, 8.4 forbids it; IPVS leaves it to the local stack, which has no SCTP here."),
    ("esp* dr without a key exchange | esp* tun without a key exchange", "*: packets", "Dropped; IPVS leaves it to the local stack, which says that it knows no such protocol."),

    # AH and ESP
    ("esp* nat *", "*: packets | with df: code | with df: rest", "AH covers the addresses that NAT changes: by NAT alone both are the local stack's. IPVS rewrites them."),
    ("esp6 *", "ah around *: packets | ah around *: connection",
     "AH follows the key exchange whatever it covers; in IPv6 IPVS takes it for an extension header and looks for what is behind it."),

    # Who it says it is from
    ("tcp6 * from the vip | tcp6 * from the director | tcp6 * from unspecified", "*: packets | *: connection",
     "Nobody beyond a wire has an address of ours, or none. In IPv4 the kernel beneath IPVS drops them too."),

    ("tcp6 * from ipv4 in ipv6", "*: packets | *: connection",
     "::ffff:0:0/96 stands for IPv4 inside of a host and has no place on a wire; it would pass rules made for IPv4 alone. IPVS takes it."),

    # Lengths
    ("* wrong lengths", "udp length beyond the packet: packets | udp length 4: packets | data offset*: packets | total length within tcp's header: packets"
     " | total length within udp's header: packets | total length within sctp's header: packets | no chunk: packets | half a chunk's header: packets",
     "A header that does not fit its packet is dropped and counted; IPVS looks at the ports alone."),
    ("tcp* wrong lengths", "*: state", "So it moves nothing."),

    # IP options and extension headers
    ("* option length *", "packet: packets", "Malformed options are dropped and counted; the kernel beneath IPVS answers them with a parameter problem, which helps who probes."),
    ("* option record route | * option timestamp", "packet: options | packet: inner options", "Options pass as they are; the kernel beneath IPVS writes its own address and time into them."),
    ("* extension atomic fragment", "packet: total length | packet: *options | packet: inner total length",
     "A fragment header of a whole packet stays in it (RFC 6946); the kernel beneath IPVS takes it away, and into a tunnel puts one of its own."),
    ("* extension routing with farther to go", "packet: packets | packet: connection | packet: state",
     "It names another destination than its last, so it is dropped and counted (RFC 5095); IPVS sends it to a server."),

    # States
    ("tcp* play *", "* far *: state", "A RST or FIN that its sender cannot have sent is forwarded, and moves nothing: whoever guesses a port could end connections. IPVS believes it."),
]
