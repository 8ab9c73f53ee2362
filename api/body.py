"""The base of all request bodies: what is wrong with one is said in the words of api/wording.py."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.wording import EXPLAINED, explained


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            schema = cls.model_json_schema()
            faults = [
                InitErrorDetails(
                    type=PydanticCustomError(fault["type"], f"{{{EXPLAINED}}}", {EXPLAINED: explained(fault, schema)}),
                    loc=fault["loc"],
                    input=fault["input"],
                )
                for fault in error.errors(include_url=False)
            ]
            raise ValidationError.from_exception_data(error.title, faults) from None
