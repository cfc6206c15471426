import { DrawbridgeError } from '../../errors.ts';
import { toolNameOf } from '../../message/fields.ts';
import { quoteToolName } from '../../tools/tool-filter.ts';
import type { Policy } from '../refusal.ts';
import type { ToolRules } from '../tool-rules.ts';

/** Tells the policies behind it which tool a call is for, and refuses what the principal may not call. */
export function checkTool(rules: ToolRules): Policy {
  return (context) => {
    const { message, principal } = context;
    if (message?.method !== 'tools/call') return undefined;
    const name = toolNameOf(message);
    if (name === undefined) {
      const error = new DrawbridgeError('invalid_request', 'the name of the tool is missing, or stands there twice');
      return { error, goesToStream: true };
    }
    context.tool = name;
    if (principal !== undefined && rules.mayCall(principal, name)) return undefined;
    const error = new DrawbridgeError('tool_not_available', `Tool ${quoteToolName(name)} is not available`, {
      hint: 'Ask the operator of this gateway for it.',
    });
    return { error, goesToStream: true };
  };
}
