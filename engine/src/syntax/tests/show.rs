//! Trees as text with all parentheses, so that tests can say what they expect.

use crate::syntax::ast::*;

pub fn expr(e: &Expr) -> String {
    let all = |list: &[Expr]| list.iter().map(expr).collect::<Vec<_>>().join(", ");
    match &e.kind {
        ExprKind::Error => "ERROR".into(),
        ExprKind::Int(n) => n.to_string(),
        ExprKind::Float(x) => format!("{x:?}"),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Row => "row".into(),
        ExprKind::Space => "space".into(),
        ExprKind::Unary(UnaryOp::Neg, inner) => format!("(-{})", expr(inner)),
        ExprKind::Unary(UnaryOp::Not, inner) => format!("(not {})", expr(inner)),
        ExprKind::Binary(op, _, a, b) => format!("({} {} {})", expr(a), op.symbol(), expr(b)),
        ExprKind::If(c, yes, no) => format!("(if {} {} else {})", expr(c), expr(yes), expr(no)),
        ExprKind::Call(name, arguments) => format!("{}({})", name.text, all(arguments)),
        ExprKind::Pipe(value, adapter) => {
            format!("({} |> {}({}))", expr(value), adapter.name.text, all(&adapter.arguments))
        }
        ExprKind::Lane(inner, lane) => format!("{}.{}", expr(inner), lane.text),
        ExprKind::This => "self".into(),
        ExprKind::In(row, group) => format!("({} in {})", expr(row), group.text),
        ExprKind::Fresh(inner) => format!("(fresh {})", expr(inner)),
        ExprKind::Index(inner, index) => format!("{}[{}]", expr(inner), expr(index)),
        ExprKind::Array(values) => format!("[{}]", all(values)),
        ExprKind::Block(lets, value) => {
            let lets: String = lets.iter().map(|s| statement(s) + "; ").collect();
            format!("{{{lets}{}}}", expr(value))
        }
        ExprKind::Fold(fold, _, over, value, constants) => {
            let value = value.as_ref().map_or(String::new(), |value| format!(" : {}", expr(value)));
            let constants: String = constants.iter().map(|constant| format!(", {}", expr(constant))).collect();
            format!("<{} {}{value}{constants}>", fold.word(), walk(over))
        }
        ExprKind::Pair(draw) => format!("(pair {})", expr(draw)),
        ExprKind::Spawn(it) => format!("({})", birth(it)),
    }
}

fn birth(birth: &Birth) -> String {
    let one = |member: &Member| {
        let value = member.value.as_ref().map_or(String::new(), |value| format!(" = {}", expr(value)));
        format!("{}{value}", member.component.text)
    };
    let most = birth.most.as_ref().map_or(String::new(), |most| format!("[max {}]", expr(most)));
    format!("spawn {}{most} {{{}}}", birth.group.text, birth.members.iter().map(one).collect::<Vec<_>>().join(", "))
}

pub fn walk(walk: &Walk) -> String {
    let of = |of: &Option<Box<Expr>>| of.as_ref().map_or(String::new(), |of| format!(" of {}", expr(of)));
    let over = match &walk.over {
        Over::Range(low, high) => format!("{} .. {}", expr(low), expr(high)),
        Over::Rows(group, query) => {
            let query = match query {
                Query::All => String::new(),
                Query::Within { radius, of: point } => format!(" within {}{}", expr(radius), of(point)),
                Query::Around { beside, steps } => {
                    format!(" {} {}", if *beside { "beside" } else { "around" }, expr(steps))
                }
                Query::Nearest { count, of: point } => format!(" nearest {}{}", expr(count), of(point)),
                Query::Far(tree) => format!(" far {}", tree.text),
                Query::By { fresh, column } => format!(" by {}{}", if *fresh { "fresh " } else { "" }, column.text),
            };
            format!("{}{query}", group.text)
        }
    };
    let variable = walk.variable.as_ref().map_or(String::new(), |name| format!("{} in ", name.text));
    let filter = walk.filter.as_ref().map_or(String::new(), |filter| format!(" where {}", expr(filter)));
    format!("{variable}{over}{filter}")
}

pub fn ty(t: &TypeExpr) -> String {
    match &t.kind {
        TypeKind::Named(name) => name.text.clone(),
        TypeKind::Entity(group) => format!("entity of {}", group.text),
        TypeKind::Array(inner, count) => format!("({})[{}]", ty(inner), expr(count)),
        TypeKind::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, t)| format!("{}: {}", name.text, ty(t))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

pub fn statement(s: &Stmt) -> String {
    let all = |list: &[Stmt]| list.iter().map(statement).collect::<Vec<_>>().join("; ");
    match &s.kind {
        StmtKind::Let(bindings) => {
            let one = |b: &Binding| {
                let of = b.ty.as_ref().map_or(String::new(), |t| format!(": {}", ty(t)));
                format!("{}{}{of} = {}", if b.mutable { "mut " } else { "" }, b.name.text, expr(&b.value))
            };
            format!("let {}", bindings.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        StmtKind::Assign { target, op, value, .. } => {
            let op = match op {
                Assignment::Plain => "",
                Assignment::Changed(op) => op.symbol(),
                Assignment::IfDifferent => "?",
            };
            format!("{} {op}= {}", expr(target), expr(value))
        }
        StmtKind::If { condition, yes, no } if no.is_empty() => format!("if {} {{{}}}", expr(condition), all(yes)),
        StmtKind::If { condition, yes, no } => {
            format!("if {} {{{}}} else {{{}}}", expr(condition), all(yes), all(no))
        }
        StmtKind::For { walk: over, body } => format!("for {} {{{}}}", walk(over), all(body)),
        StmtKind::Spawn(it) => birth(it),
        StmtKind::Despawn(row) => format!("despawn {}", expr(row)),
        StmtKind::Add(member) => {
            let value = member.value.as_ref().map_or(String::new(), |value| format!(" = {}", expr(value)));
            format!("add {}{value}", member.component.text)
        }
        StmtKind::Remove(component) => format!("remove {}", component.text),
        StmtKind::Publish(it) => {
            let order = it.order.as_ref().map_or(String::new(), |order| format!(" order {}", expr(order)));
            format!("publish {}{order} = {}", it.bus.text, expr(&it.value))
        }
    }
}
