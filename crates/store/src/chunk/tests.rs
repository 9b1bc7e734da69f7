//! Chunks: what comes back, what is refused, what never panics.

use proptest::prelude::*;

use super::*;

fn up(offset: u32, latency: u32) -> Beat {
    Beat { offset, sequence: 0, verdict: 1, latency: Some(latency), words: false }
}

/// What a monitor of 30 s leaves in a slot: regular starts, latencies around 20 ms.
fn usual() -> Vec<Beat> {
    let latency = |n: u32| 15_000 + n.wrapping_mul(2_654_435_761) % 10_000;
    (0..240).map(|n| up(4321 + n * 30_000 + latency(n) / 1000, latency(n))).collect()
}

fn beats() -> impl Strategy<Value = Vec<Beat>> {
    let verdict = prop_oneof![3 => Just(1_u32), 1 => any::<u32>()];
    let beat = (0..7_200_000_u32, any::<u16>(), verdict, any::<Option<u32>>(), any::<bool>());
    prop::collection::vec(beat, 1..400).prop_map(|all| {
        let beat = |(offset, sequence, verdict, latency, words)| Beat {
            offset,
            sequence,
            verdict,
            latency,
            words,
        };
        all.into_iter().map(beat).collect()
    })
}

/// With a checksum that is right, so that what is behind it is looked at.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&checksum(7, body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_usual_slot_takes_less_than_three_bytes_a_heartbeat() {
    let bytes = encode(7, &usual());
    assert!(bytes.len() < 240 * 3, "{} bytes", bytes.len());
    assert_eq!(decode(7, &bytes).unwrap(), usual());
}

#[test]
fn the_extremes_come_back() {
    let all = vec![
        Beat { offset: 0, sequence: 0, verdict: 0, latency: Some(u32::MAX), words: true },
        Beat { offset: 0, sequence: u16::MAX, verdict: u32::MAX, latency: None, words: false },
        Beat { offset: 7_199_999, sequence: 1, verdict: 1, latency: Some(0), words: true },
    ];
    assert_eq!(decode(i64::MAX, &encode(i64::MAX, &all)).unwrap(), all);
    let most: Vec<_> = (0..16_384).map(|n| up(n * 400, n)).collect();
    let bytes = encode(7, &most);
    assert!(bytes.len() <= MAX_BYTES);
    assert_eq!(decode(7, &bytes).unwrap(), most);
}

#[test]
fn a_chunk_of_another_id_is_refused() {
    assert_eq!(decode(8, &encode(7, &usual())), Err(ChunkError::Checksum));
}

#[test]
fn a_newer_format_and_a_cut_are_told_apart() {
    let mut bytes = encode(7, &usual());
    assert_eq!(decode(7, &bytes[..3]), Err(ChunkError::Length));
    assert_eq!(decode(7, &bytes[..bytes.len() - 1]), Err(ChunkError::Checksum));
    bytes[0] = 2;
    assert_eq!(decode(7, &bytes), Err(ChunkError::Format(2)));
}

#[test]
fn a_huge_count_is_refused_before_memory_is_taken() {
    let body = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(decode(7, &sealed(&body)), Err(ChunkError::Damaged("count")));
    // A column that says it holds as many as may be, in three bytes.
    let body = [1, 4, 0, 0x80, 0x80, 1];
    assert!(decode(7, &sealed(&body)).is_err());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = encode(7, &usual());
    for index in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[index / 8] ^= 1 << (index % 8);
        assert!(decode(7, &flipped).is_err(), "bit {index}");
    }
}

proptest! {
    #[test]
    fn what_is_encoded_reads_back(id: i64, beats in beats()) {
        prop_assert_eq!(decode(id, &encode(id, &beats)), Ok(beats));
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(7, &bytes);
        let _ = decode(7, &sealed(&bytes));
    }

    // Hostile bytes with a right checksum, most of them near to a chunk.
    #[test]
    fn no_change_behind_the_checksum_makes_decoding_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = encode(7, &usual())[5..].to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        let _ = decode(7, &sealed(&body));
        body.truncate(cut.index(body.len()));
        let _ = decode(7, &sealed(&body));
    }
}
