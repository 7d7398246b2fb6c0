/// One key of a table: its name, the part of `Model` that it sets, and how its values are written.
struct Key<Model>: Sendable {
    let name: String
    /// The part of the model that it sets.
    let part: AnyKeyPath & Sendable
    /// What it is for, the first words of its explanation in the shipped file.
    let summary: String
    /// What the manual calls its type.
    let type: String
    /// What the documents must name as allowed; see `Notation.allowed`.
    let allowed: [String]
    /// Reads the value of the key; `model` stays as it is when it throws.
    let set: @Sendable (_ model: inout Model, _ value: TOMLValue) throws(Refusal) -> Void
    /// Its value in `model` as TOML; nil where `model` has none.
    let text: @Sendable (_ model: Model) -> String?

    init<Value>(
        _ name: String,
        _ part: WritableKeyPath<Model, Value> & Sendable,
        _ notation: Notation<Value>,
        _ summary: String
    ) {
        self.init(name, part, notation, summary, { $0[keyPath: part] = $1 }, { $0[keyPath: part] })
    }

    /// A key that not every `Model` has a value of.
    init<Value>(
        _ name: String,
        _ part: WritableKeyPath<Model, Value?> & Sendable,
        _ notation: Notation<Value>,
        _ summary: String
    ) {
        self.init(name, part, notation, summary, { $0[keyPath: part] = $1 }, { $0[keyPath: part] })
    }

    private init<Value>(
        _ name: String,
        _ part: AnyKeyPath & Sendable,
        _ notation: Notation<Value>,
        _ summary: String,
        _ set: @escaping @Sendable (inout Model, Value) -> Void,
        _ value: @escaping @Sendable (Model) -> Value?
    ) {
        self.name = name
        self.part = part
        self.summary = summary
        type = notation.type
        allowed = notation.allowed
        self.set = { (model, value) throws(Refusal) in set(&model, try notation.read(value)) }
        text = { value($0).map(notation.write) }
    }
}
