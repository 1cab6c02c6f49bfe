"""The default templates of describe().

`$name` is replaced by a value of the context. A line with a name that the context does not have is left out.
"""

TEMPLATES = {
    "population_default.txt": """\
Population "$label"
    Cells       : $size ($size_local on this process)
    Cell type   : $celltype
    Structure   : $structure
    IDs         : $first_id to $last_id
    Annotations : $annotations
""",
    "populationview_default.txt": """\
PopulationView "$label"
    Parent : "$parent"
    Cells  : $size
    Mask   : $mask
""",
    "assembly_default.txt": """\
Assembly "$label"
    Cells       : $size
    Populations : $populations
""",
    "projection_default.txt": """\
Projection "$label"
    From        : $pre
    To          : $post
    Receptor    : $receptor_type
    Connector   : $connector
    Synapse     : $plasticity
    Connections : $size ($size_local on this process)
""",
    "modeltype_default.txt": """\
$name
    Parameters     : $parameters
    Initial values : $default_initial_values
""",
    "connector_default.txt": """\
$name
    Parameters : $parameters
""",
    "structure_default.txt": """\
$name
    Parameters : $parameters
""",
    "stdpmechanism_default.txt": """\
$name
    Timing dependence         : $timing_dependence
    Weight dependence         : $weight_dependence
    Voltage dependence        : $voltage_dependence
    Dendritic delay fraction  : $dendritic_delay_fraction
    Weight                    : $weight
    Delay                     : $delay
""",
}
