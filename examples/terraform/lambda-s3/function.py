"""Says which objects were uploaded. The package is made with: zip function.zip function.py"""


def handler(event, context):
    names = [record["s3"]["object"]["key"] for record in event.get("Records", [])]
    print("uploaded:", ", ".join(names) or "nothing")
    return {"uploaded": names}
