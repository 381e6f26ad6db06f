//! What the graph of quantities came to in a finished state: its body run once more, with each node as a result. By the
//! interpreter, for those who ask; it changes nothing.

use diptych_protocol::access::AccessError;
use diptych_protocol::body::Body;
use diptych_protocol::graph::{Lane, Node};
use diptych_protocol::message::Backend;
use diptych_protocol::outputs::state_of;
use diptych_protocol::track::Track;
use diptych_protocol::types::Value;

use crate::body::block::Uniforms;
use crate::finished::{FinishedBody, bits_at};

/// Of each node of the graph its lanes, as far as they are computed anywhere. For the last finished state, once nobody runs.
pub fn values(track: &Track<'_>) -> Result<Vec<Vec<Option<Value>>>, AccessError> {
    let program = track.program;
    let Some(body) = program.outputs.body.map(|body| &program.bodies[body]) else { return Ok(Vec::new()) };
    let nodes = &program.outputs.graph;
    let lanes = nodes.iter().flat_map(|node| &node.lanes);
    let computed = lanes.filter_map(|lane| match lane {
        Lane::Computed(value) => Some(*value),
        Lane::Known(_) | Lane::Nowhere => None,
    });
    let asked = Body { results: computed.collect(), ..body.clone() };
    let scalars: Vec<_> = asked.results.iter().map(|value| body.ops[*value].scalar).collect();
    let mut run = FinishedBody::new(program, &asked, 1, Backend::Interpreter)?;
    let tick = track.record().tick;
    let reduced = track.last_reduced();
    let frame = state_of(tick);
    let mut before = track.signals_before().to_vec();
    track.command(tick, &mut before);
    run.run_alone(Uniforms {
        seed: program.seed,
        tick: tick.0,
        frame,
        time: program.time(frame),
        signals: &before,
        reduced: &reduced,
        space: &program.space,
    });
    let mut next = 0;
    let mut value = |lane: &Lane| match lane {
        Lane::Known(value) => Some(*value),
        Lane::Nowhere => None,
        Lane::Computed(_) => {
            let at = next;
            next += 1;
            Some(Value::from_bits(scalars[at], bits_at(run.result(at, 1), 0)))
        }
    };
    Ok(nodes.iter().map(|node: &Node| node.lanes.iter().map(&mut value).collect()).collect())
}
