"""The base of all request bodies: what is wrong with one is said in the words of api/wording.py."""

from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.wording import EXPLAINED, explained

MOST_FAULTS = 1000  # that are told; a body may have as many as it has bytes


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, dict) and len(value) > MOST_FAULTS:
            message = f"an object of {len(value)} fields; there are: {', '.join(sorted(cls.model_fields))}"
            raise PydanticCustomError("too_many_fields", f"{{{EXPLAINED}}}", {EXPLAINED: message})
        try:
            return handler(value)
        except ValidationError as error:
            schema = _schema(cls)
            faults = [
                InitErrorDetails(
                    type=PydanticCustomError(fault["type"], f"{{{EXPLAINED}}}", {EXPLAINED: explained(fault, schema)}),
                    loc=fault["loc"],
                    input=fault["input"],
                )
                for fault in error.errors(include_url=False)[:MOST_FAULTS]
            ]
            raise ValidationError.from_exception_data(error.title, faults) from None


@cache
def _schema(body: type[Body]) -> dict[str, Any]:
    """Takes milliseconds, and a body may have a fault in each of its thousands of parts."""
    return body.model_json_schema()
