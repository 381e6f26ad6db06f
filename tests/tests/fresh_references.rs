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
