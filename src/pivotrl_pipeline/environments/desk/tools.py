"""What the desk's tools are called, take and mean, as OpenAI tool entries."""

from pivotrl_pipeline.records.messages import JsonObject, JsonValue, Tool

_CUSTOMER_ID: JsonObject = {"type": "string", "description": "Id such as C17."}
_ITEM_ID: JsonObject = {"type": "string", "description": "Id such as I52."}
_ORDER_ID: JsonObject = {"type": "string", "description": "Id such as O83."}
_EMAIL: JsonObject = {"type": "string", "description": "E-mail of a customer."}
_QUANTITY: JsonObject = {
    "type": "integer",
    "minimum": 1,
    "maximum": 9,
    "description": "How many pieces.",
}


def _make_tool(
    name: str, description: str, properties: dict[str, JsonValue], *required: str
) -> Tool:
    return Tool(
        name,
        {
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "parameters": {
                    "type": "object",
                    "properties": properties,
                    "required": list(required),
                    "additionalProperties": False,
                },
            },
        },
    )


DESK_TOOLS: tuple[Tool, ...] = (
    _make_tool(
        "find_customer",
        "Customers with this name or e-mail; give at least one of the two.",
        {
            "name": {"type": "string", "description": "First name."},
            "email": _EMAIL,
        },
    ),
    _make_tool(
        "list_orders",
        "Orders of one customer; give the customer's id or e-mail.",
        {
            "customer_id": _CUSTOMER_ID,
            "email": _EMAIL,
            "status": {
                "type": "string",
                "enum": ["any", "open", "shipped", "cancelled"],
                "default": "any",
                "description": "Only orders in this state.",
            },
        },
    ),
    _make_tool(
        "get_order",
        "Everything about one order.",
        {"order_id": _ORDER_ID},
        "order_id",
    ),
    _make_tool(
        "search_items",
        "Items of one product with their stock.",
        {
            "product": {"type": "string", "description": "Product such as lamp."},
            "colour": {"type": "string", "description": "Only this colour."},
        },
        "product",
    ),
    _make_tool(
        "place_order",
        "Places an order and takes the pieces from the stock.",
        {
            "customer_id": _CUSTOMER_ID,
            "item_id": _ITEM_ID,
            "quantity": {**_QUANTITY, "default": 1},
            "shipping": {
                "type": "string",
                "enum": ["standard", "express"],
                "default": "standard",
                "description": "How fast it is sent.",
            },
        },
        "customer_id",
        "item_id",
    ),
    _make_tool(
        "change_quantity",
        "Changes how many pieces an open order has.",
        {"order_id": _ORDER_ID, "quantity": _QUANTITY},
        "order_id",
        "quantity",
    ),
    _make_tool(
        "cancel_order",
        "Cancels an open order and puts its pieces back.",
        {"order_id": _ORDER_ID},
        "order_id",
    ),
    _make_tool(
        "change_city",
        "Changes where a customer lives.",
        {
            "customer_id": _CUSTOMER_ID,
            "city": {"type": "string", "description": "The new city."},
        },
        "customer_id",
        "city",
    ),
)
TOOL_BY_NAME = {tool.name: tool for tool in DESK_TOOLS}
