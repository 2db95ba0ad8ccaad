"""Texts of the kinds that people send, for judging the guess at token counts."""

TEXTS = {
    "prose": (
        "The harbour was quiet in the early morning. A few fishermen mended their nets on the quay, and the smell of salt and tar "
        "hung in the air. Nobody spoke much; the work was old and well known, and every knot had been tied a thousand times before. "
        "When the sun came up over the breakwater, the first boats left one after another, their engines low, their lamps still lit."
    ),
    "question": "Can you explain, in simple words, why the sky is blue during the day and red in the evening? Please keep it short.",
    "list": "Shopping list:\n- 2 litres of milk\n- 12 eggs\n- bread (wholegrain)\n- 500 g of flour\n- apples, pears and plums\n- olive oil\n",
    "code": (
        "def fibonacci(n: int) -> list[int]:\n    values = [0, 1]\n    while len(values) < n:\n"
        "        values.append(values[-1] + values[-2])\n    return values[:n]\n\nprint(fibonacci(10))\n"
    ),
    "business": (
        "Dear Ms Hartmann,\n\nthank you for your enquiry of 14 March. We are pleased to confirm the delivery of 250 units within three weeks "
        "of your order; transportation and installation are included. Our representative will contact you to arrange an appointment.\n\n"
        "Yours sincerely,\nCustomer Services"
    ),
    "explanation": (
        "Photosynthesis is the process by which green plants convert light energy into chemical energy. Chlorophyll absorbs sunlight, water is "
        "split into oxygen and hydrogen, and carbon dioxide is turned into carbohydrates that the plant stores or uses immediately."
    ),
}
