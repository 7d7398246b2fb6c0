/// One key of a table: its name, the property of `Model` that it sets, and the notation of its values.
struct Key<Model>: Sendable {
    let name: String
    /// The property of the model that it sets.
    let part: AnyKeyPath & Sendable
    /// Its purpose: words of its explanation in the shipped file.
    let summary: String
    /// The name of its type in the manual.
    let type: String
    /// The allowed values that the documents must name; see `Notation.allowed`.
    let allowed: [String]
    /// Sets the property from a value. If it throws, `model` is unchanged.
    let set: @Sendable (_ model: inout Model, _ value: TOMLValue) throws(Refusal) -> Void
    /// The value of the property as TOML; nil if `model` has none.
    let text: @Sendable (_ model: Model) -> String?

    init<Value>(
        _ name: String,
        _ part: WritableKeyPath<Model, Value> & Sendable,
        _ notation: Notation<Value>,
        _ summary: String
    ) {
        self.init(name, part, notation, summary, { $0[keyPath: part] = $1 }, { $0[keyPath: part] })
    }

    /// Creates a key for an optional property.
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
