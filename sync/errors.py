"""What can be wrong with one op line. The code is stable: it is stored with the quarantined line and shown to people."""


class OpError(ValueError):
    """An op line that cannot be read. `code` is one of OP_ERROR_CODES; the line itself is kept by whoever received it."""

    def __init__(self, code: str, field: str | None = None) -> None:
        """`field` names the place in the line when one place is at fault."""
        if code not in OP_ERROR_CODES:
            raise AssertionError(code)
        super().__init__(code if field is None else f"{code}: {field}")
        self.code = code
        self.field = field


OP_ERROR_CODES = frozenset(
    {
        "bad_json",  # not one JSON object in UTF-8
        "bad_op",  # envelope keys missing or of the wrong type
        "bad_field",  # a field name or verb that no version ever had
        "bad_number",  # not an integer within ±(2^53 − 1)
        "bad_text",  # NUL or a lone surrogate
        "bad_time",  # `at` is not an instant with an offset
        "bad_group",  # group is not [id, index, size] within limits
        "too_large",  # line, text, depth or count over its limit
    }
)
