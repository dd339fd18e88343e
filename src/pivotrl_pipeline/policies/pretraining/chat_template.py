"""The chat template of the policy in the box: ChatML with Hermes tool calls.

Tools are a signature a line, since full JSON schemas would outweigh everything else
for a policy of a million parameters. A conversation's rendering begins with that of
every prefix of it, generation prompt included.
"""

END_OF_TEXT, START_OF_TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
RESULT, RESULT_END = "<tool_response>", "</tool_response>"

CHAT_TEMPLATE = r"""{%- macro signature(function) -%}
{{- function.name }}(
{%- set parameters = function.parameters or {} -%}
{%- for name, schema in (parameters.properties or {}).items() -%}
{{- '' if loop.first else ',' }}{{ name }}
{%- if schema.default is defined %}={{ schema.default }}
{%- elif name not in (parameters.required or []) %}?
{%- endif -%}
{%- endfor -%}
)
{%- endmacro -%}
{%- set has_system = messages and messages[0].role == 'system' -%}
{%- if tools or has_system -%}
<|im_start|>system{{ '\n' }}
{{- messages[0].content if has_system else 'You can call tools.' }}
{%- for tool in tools or [] %}{{ '\n' }}{{ signature(tool.function) }}{% endfor -%}
<|im_end|>{{ '\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first -%}
{%- elif message.role == 'tool' -%}
<|im_start|>tool{{ '\n' }}<tool_response>{{ message.content }}</tool_response>
{{- '<|im_end|>\n' }}
{%- else -%}
<|im_start|>{{ message.role }}{{ '\n' }}{{ message.content or '' }}
{%- for call in message.tool_calls or [] -%}
{%- set function = call.function if call.function is defined else call -%}
<tool_call>{"name":{{ function.name | tojson }},"arguments":
{%- if function.arguments is string %}{{ function.arguments }}
{%- else %}{{ function.arguments | tojson(separators=(',', ':')) }}
{%- endif %}}</tool_call>
{%- endfor -%}
{{- '<|im_end|>\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant{{ '\n' }}
{%- endif -%}
"""
