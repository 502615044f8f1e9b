use super::*;

const RESOURCE: &str = r#"
export function thingFilterToHclTerraform(struct?: ThingFilter): any {
  const attrs = {
    names: {
      value: cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(struct!.names),
      isBlock: false,
      type: "set",
      storageClassType: "stringList",
    },
  };
}
export class ThingFilterOutputReference extends cdktf.ComplexObject {
  // names - computed: false, optional: false, required: true
  private _names?: string[];
  public get names() {
    return cdktf.Fn.tolist(this.getListAttribute('names'));
  }
}
export class ThingIdentityOutputReference extends cdktf.ComplexObject {
  // issuer - computed: true, optional: false, required: false
  public get issuer() {
    return this.getStringAttribute('issuer');
  }
}
export class Thing extends cdktf.TerraformResource {
  // arn - computed: true, optional: false, required: false
  public get arn() {
    return this.getStringAttribute('arn');
  }
  // tags - computed: false, optional: true, required: false
  private _tags?: { [key: string]: string };
  public get tags() {
    return this.getStringMapAttribute('tags');
  }
  // filter - computed: false, optional: false, required: true
  private _filter = new ThingFilterOutputReference(this, "filter");
  // identity - computed: true, optional: false, required: false
  private _identity = new ThingIdentityList(this, "identity", false);
  protected synthesizeHclAttributes() {
    const attrs = {
      filter: {
        value: thingFilterToHclTerraform(this._filter.internalValue),
        isBlock: true,
        type: "list",
        storageClassType: "ThingFilterList",
      },
    };
  }
}
"#;

#[test]
fn resource_has_attributes_blocks_and_what_is_read_only() {
    let names = json!({ "type": ["set", "string"], "required": true });
    let expected = json!({
        "attributes": {
            "arn": { "type": "string", "computed": true },
            "identity": { "type": ["list", ["object", { "issuer": "string" }]], "computed": true },
            "tags": { "type": ["map", "string"], "optional": true },
        },
        "block_types": {
            "filter": {
                "nesting_mode": "list", "min_items": 1, "max_items": 1,
                "block": { "attributes": { "names": names }, "block_types": {} },
            },
        },
    });
    assert_eq!(resource(RESOURCE, Nesting::Blocks).unwrap()["block"], expected);
}

#[test]
fn provider_has_the_arguments_of_its_table_without_alias() {
    let source = RESOURCE.replace("cdktf.TerraformResource", "cdktf.TerraformProvider").replace(
        "      filter: {",
        "      alias: {\n        isBlock: false,\n        type: \"simple\",\n        storageClassType: \"string\",\n      },\n      filter: {",
    );
    let block = &provider(&source, Nesting::Blocks).unwrap()["block"];
    assert_eq!(block["attributes"], json!({}));
    let filter = &block["block_types"]["filter"]["block"]["attributes"];
    assert_eq!(filter, &json!({ "names": { "type": ["set", "string"], "optional": true } }));
}

#[test]
fn provider_that_nests_by_attributes_has_no_blocks() {
    let block = &resource(RESOURCE, Nesting::Attributes).unwrap()["block"];
    assert_eq!(block["block_types"], json!({}));
    let filter = &block["attributes"]["filter"];
    assert_eq!(
        (&filter["nested_type"]["nesting_mode"], &filter["required"]),
        (&json!("single"), &json!(true))
    );
}

#[test]
fn unknown_getter_is_an_error() {
    let source = RESOURCE.replace("this.getStringMapAttribute", "this.getUnheardOf");
    let error = format!("{:#}", resource(&source, Nesting::Blocks).unwrap_err());
    assert_eq!(error, "type of tags: unknown getter getUnheardOf");
}
