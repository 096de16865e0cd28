//! Which addresses are public, and which are private or special otherwise (the IANA registries of
//! special-purpose addresses, RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Host;

/// Whether an address is one of the public Internet: not loopback, private, link-local, multicast,
/// or special otherwise. An IPv6 address that stands for an IPv4 address is judged by that.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether a host may have a public address, where only a proxy resolves it: a name below a public suffix
/// may, any other (`localhost`, `intranet`) may not.
pub(crate) fn may_be_public(host: &Host) -> bool {
    match host {
        Host::Ipv4(address) => is_public_v4(*address),
        Host::Ipv6(address) => is_public_v6(*address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // Names for networks' own use (RFC 8375), for addresses read backwards, and for Tor.
            let special = [".arpa", ".onion"].iter().any(|special| name.ends_with(special));
            !special && psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [172, second, ..] => second & 0xf0 == 16,
        [100, second, ..] => second & 0xc0 == 64,
        // Two of its addresses are global: PCP and TURN anycast.
        [192, 0, 0, last] => !matches!(last, 9 | 10),
        // Documentation, benchmarks, and what 6to4 relays had.
        [192, 0, 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => true,
        // Multicast and beyond.
        [first, ..] => first >= 224,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let words = address.segments();
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match words {
        // Mapped (RFC 4291), translated (RFC 6052) and tunnelled (RFC 3056) IPv4 addresses.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            embedded(high, low)
        }
        // Documentation.
        [0x2001, 0xdb8, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Protocol assignments, Teredo among them.
        [0x2001, second, ..] if second < 0x200 => false,
        // All that is assigned to the Internet so far.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let rows = [
            ("0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254", false),
            ("172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1", false),
            ("203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255", false),
            ("1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.0.9", true),
            ("192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255 93.184.216.34", true),
            (":: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::192.168.0.1 64:ff9b:1::1 100::1", false),
            (
                "2001:db8::1 2001::1 2001:10::1 2002:7f00:1:: 2002:c0a8:1::1 3fff::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1",
                false,
            ),
            ("2606:4700::1111 2001:4860:4860::8888 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101:: 3fff:1000::1", true),
        ];
        for (addresses, public) in rows {
            for address in addresses.split(' ') {
                assert_eq!(is_public(address.parse().expect("an address")), public, "{address}");
            }
        }
    }

    #[test]
    fn names_below_a_public_suffix_may_be_public() {
        for (host, may) in [
            ("localhost", false),
            ("a.LocalHost.", false),
            ("localhost.com", true),
            ("example.co.uk.", true),
            ("intranet", false),
            ("printer.local", false),
            ("a.test", false),
            ("router.home.arpa", false),
            ("1.0.0.127.in-addr.arpa", false),
            ("10.0.0.1", false),
            ("1.1.1.1", true),
            ("[::1]", false),
        ] {
            assert_eq!(may_be_public(&Host::parse(host).expect("a host")), may, "{host}");
        }
    }
}
