/** The text of an answer, or its beginning: one without an end is cut off. */
export async function boundedText(body: AsyncIterable<unknown>, charactersMax: number): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > charactersMax) break;
  }
  return text;
}
