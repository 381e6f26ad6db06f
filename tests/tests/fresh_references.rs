//! `fresh` in front of a reference is about what stands behind it.

use diptych::coordinator::Options;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

const RING: &str = "
scenario ring
component Count = u32
component To = entity of agents
component Old = u32
component New = u32
component Turned = u32
component Friend = u32
group agents[100] { Count = row, To = agents[(row + 1) % 100], Old = 0, New = 0, Turned = 0, Friend = 0 }
system count for agents owns Count { Count += 1000 }
system turn for agents owns To { To = agents[(row + 2) % 100] }
system look for agents owns Old, New, Turned, Friend {
    Old = To.Count
    New = fresh To.Count
    Turned = (fresh To).Count
    let next = agents[(row + 3) % 100]
    Friend = fresh next.To.Count
}
";

#[test]
fn fresh_before_a_reference_reads_the_new_value_of_the_row_it_pointed_to() {
    for workers in [0, 2] {
        let state = run_with(&program(RING, &[], 1), workers, BINARY, Options::default()).unwrap().state;
        let column = |name| state.column::<u32>("agents", name).unwrap();
        for row in 0..100 {
            let at = row as usize;
            assert_eq!(column("Old")[at], (row + 1) % 100);
            assert_eq!(column("New")[at], (row + 1) % 100 + 1000);
            assert_eq!(column("Turned")[at], (row + 2) % 100);
            assert_eq!(column("Friend")[at], (row + 4) % 100 + 1000);
        }
    }
}

/// Half of the row's own references lead nowhere: a number read through one is 0, a reference is none again.
#[test]
fn what_is_read_through_no_row_is_zero_and_a_reference_none() {
    const CHAIN: &str = "
scenario chain
component Count = u32
component To = entity of agents
component Seen = u32
component Next = entity of agents
group agents[10] { Count = row + 7, To = agents[row + 5], Seen = 1, Next = agents[0] }
system look for agents owns Seen, Next {
    Seen = To.Count
    Next = To.To
}
";
    let state = run_with(&program(CHAIN, &[], 1), 2, BINARY, Options::default()).unwrap().state;
    let (seen, next) = (state.column::<u32>("agents", "Seen").unwrap(), state.column::<u32>("agents", "Next").unwrap());
    for row in 0..10 {
        assert_eq!(seen[row], if row < 5 { row as u32 + 12 } else { 0 });
        // Rows 0 to 4 point to 5 to 9, which point beyond the group's end.
        assert!(if row < 5 { next[row] == row as u32 + 10 } else { next[row] == u32::MAX });
    }
}
