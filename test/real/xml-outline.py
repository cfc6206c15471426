"""Prints an XML file as JSON, as a real parser reads it: [name, attributes, text, children]. Fails where it is none."""
import json
import sys
import xml.etree.ElementTree as tree


def outline(element):
    return [element.tag, element.attrib, (element.text or "").strip(), [outline(child) for child in element]]


json.dump(outline(tree.parse(sys.argv[1]).getroot()), sys.stdout)
