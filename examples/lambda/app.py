"""A function that greets, and says so in its log."""

import logging


def handler(event, context):
    logging.getLogger().setLevel("INFO")
    logging.info("greeting %s", event["name"])
    return {"greeting": f"hello, {event['name']}", "left": context.get_remaining_time_in_millis()}
