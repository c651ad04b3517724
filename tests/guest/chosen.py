"""Where a packet through Tandem differs on purpose from the same packet through IPVS: (cases, places, reason).

Patterns are fnmatch's, alternatives separated by " | ". A place is "STEP: FIELD", or "STEP: packets" where the two sent packets of
other kinds or another number of them. packets.py complains of a line that matches no difference any more.
"""

CHOSEN = [
    # Tunnels
    ("* tun *", "*: ttl", "The outer TTL is the tunnel's own, 64 (RFC 2003, 3.1); IPVS copies the inner one."),
    ("* tun *", "*: id", "With DF set the outer identification says nothing (RFC 6864, 4.1); ours counts."),
    ("* tun a connection", "urgent, ecn: tos", "ECN's CE is copied outside (RFC 6040, 4.1); IPVS writes ECT(0), as RFC 3168 had it."),
    ("* tun larger than*", "without df: packets | a byte more: packets",
     "A packet without DF is cut before it is put into the tunnel, so that the server's kernel puts nothing together twice; IPVS cuts the outer one."),
    ("udp tun fragments*", "all: packets", "Each part goes into the tunnel as it came; IPVS puts the datagram together, encapsulates it and cuts the outer packet."),
    ("udp tun router's fragmentation needed", "*: rest", "The client is told what the router said; IPVS tells the old MTU of its own route once more."),
    ("udp tun router's time exceeded", "*: packets",
     "The outer TTL is ours and not the client's, so what died of it is, to the client, a host that cannot be reached."),

    # What the director itself says
    ("*", "*ttl 1: id | *ttl 1: df | first: id | first: df | *with df: id | *with df: df | *a byte more: id | *a byte more: df | *quoted: df | *quoted: id",
     "What the director makes has DF set and the identification 0 (RFC 6864, 4.1)."),
    ("* larger than*", "*: quoted ttl", "The packet is quoted as it came; the kernel quotes it with the TTL already lowered (RFC 1812, 4.3.2.3 allows both)."),
    ("icmp echo | udp a port of the vip that is no service", "*: id", "Both are the kernel's own answers, whose identification is random."),

    # NAT's details
    ("udp nat a question", "*without a checksum: checksum error", "A datagram without a checksum stays one (RFC 768); IPVS computes one."),
    ("udp nat client's port unreachable | udp nat server's *", "*: quoted bytes | *: quoted checksum error",
     "The checksum of the quoted datagram is put right as well; IPVS leaves it as it was before the translation."),

    # ICMP that is relayed or not
    ("* client's parameter problem", "*quoted: packets", "A parameter problem is told to the server; IPVS relays only the types 3, 4 and 11."),
    ("udp nat server's parameter problem", "*quoted: source | *quoted: quoted destination | *quoted: quoted ports",
     "The same to the client, translated; IPVS's director forwards it untouched, with the server's own address in it."),
    ("udp dr client's port unreachable | udp tun client's port unreachable", "a bad checksum: packets",
     "An error whose checksum is wrong is dropped for every method; IPVS looks at it with NAT alone."),
    ("* client's source quench", "*quoted: packets", "Source quench is deprecated and ignored (RFC 6633)."),

    # TCP that no flow knows
    ("tcp * out of nowhere syn-ack | tcp * out of nowhere syn-fin", "*: packets", "Only a SYN by itself opens a connection; the others are reset. IPVS forwards whatever has SYN."),
    ("* nat answer out of nowhere", "*: packets", "What a NAT server sends to nobody we know is dropped; the kernel beneath IPVS forwards it with the server's own address."),

    # Lengths
    ("* wrong lengths", "udp length beyond the packet: packets | udp length 4: packets | data offset*: packets | total length within tcp's header: packets"
     " | total length within udp's header: packets", "A header that does not fit its packet is dropped and counted; IPVS looks at the ports alone."),

    # IP options
    ("* option length *", "packet: packets", "Malformed options are dropped and counted; the kernel beneath IPVS answers them with a parameter problem, which helps who probes."),
    ("* option record route | * option timestamp", "packet: options | packet: inner options", "Options pass as they are; the kernel beneath IPVS writes its own address and time into them."),
]
