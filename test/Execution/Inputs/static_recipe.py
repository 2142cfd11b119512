"""Makes a recipe of dynamic activations one of static ones.

usage: static_recipe.py IN OUT SCALE [OPTION ..]    every weight gets the input scale; options replace those of the same name
"""
import json
import sys

source, target, scale, *options = sys.argv[1:]
recipe = json.load(open(source))
for weight in recipe["weights"]:
    weight["input_scale"] = float(scale)
name = lambda option: "-O" if option.startswith("-O") else option.split("=")[0]
kept = [option for option in recipe["options"] if name(option) not in map(name, options)]
recipe["options"] = [*kept, "--act-type=.=static", *options]
json.dump(recipe, open(target, "w"))
