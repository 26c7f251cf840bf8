{#- `train`, `val` or `test` from the user's id alone: the first 32 bits of
    md5(seed ':' user_id) as a number in [0, 1), and the shares of the row of `datasets`. -#}
{% macro split_of(user_id, datasets) -%}
    {%- set unit = hash_to_unit("'" ~ var("split_seed") ~ ":' || " ~ user_id) -%}
    case
        when {{ unit }}
            < coalesce({{ datasets }}.split_train_until, {{ var("split_train_until") }})
            then 'train'
        when {{ unit }}
            < coalesce({{ datasets }}.split_val_until, {{ var("split_val_until") }})
            then 'val'
        else 'test'
    end
{%- endmacro %}
